import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import {
  buildASTSchema,
  Kind,
  parse,
  validate,
  type DocumentNode,
  type OperationDefinitionNode,
} from "graphql";
import { getVariableValues } from "graphql/execution/values";
import { expect, test } from "vitest";
import { aboutSource } from "./exampleText";
import { EXAMPLES } from "./examples";

const snapshot = resolve(process.cwd(), process.env["DATAWAVE_SCHEMA"] ?? "../schema/schema.graphql");
const schema = buildASTSchema(parse(readFileSync(snapshot, "utf8")), { assumeValid: true });

function operationOf(document: DocumentNode): OperationDefinitionNode {
  const [operation, ...others] = document.definitions.filter((one) => one.kind === Kind.OPERATION_DEFINITION);
  if (operation === undefined || others.length > 0)
    throw new Error("An example holds exactly one operation.");
  return operation;
}

test("there are examples, in the order of their numbers", () => {
  expect(EXAMPLES.length).toBeGreaterThanOrEqual(8);
  expect(EXAMPLES.map(({ slug }) => slug)).toEqual(EXAMPLES.map(({ slug }) => slug).toSorted());
});

test.each(EXAMPLES)(
  "$slug is valid, named and explained, and its variables fit",
  ({ query, variables, explanation }) => {
    const document = parse(query);
    expect(validate(schema, document)).toEqual([]);
    const operation = operationOf(document);
    expect(operation.name?.value).toBeTruthy();
    expect(explanation).not.toBe("");
    const given = variables === "" ? {} : (JSON.parse(variables) as { [name: string]: unknown });
    expect(getVariableValues(schema, operation.variableDefinitions ?? [], given).errors).toBeUndefined();
  },
);

test("where there is a source, examples that ask for one are about it", () => {
  const discover = EXAMPLES.find(({ slug }) => slug === "04-discover");
  if (discover === undefined) throw new Error("There is no example of a discovery.");
  expect(aboutSource(discover, "source_1").variables).toContain('"dataSourceId": "source_1"');
  expect(aboutSource(discover, undefined)).toBe(discover);
});

test("the explanation is what stands before the operation", () => {
  const connect = EXAMPLES.find(({ slug }) => slug === "02-connect-postgresql");
  expect(connect?.title).toBe("Connect PostgreSQL");
  expect(connect?.explanation).toMatch(/^Puts a PostgreSQL database under governance/);
});
