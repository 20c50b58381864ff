/** The audits of GraphQL over HTTP, each a case: "ok" is good, "warn" and "error" are not. */
import { serverAudits } from "graphql-http";

const { url } = JSON.parse(process.argv[2]);
const audits = serverAudits({ url, fetchFn: fetch });
console.log(JSON.stringify({ cases: audits.length }));
for (const audit of audits) {
  const result = await audit.fn();
  const told = result.status === "ok" ? null : `${result.status}: ${result.reason}`;
  console.log(JSON.stringify({ case: `${audit.id} ${audit.name}`, problem: told }));
}
