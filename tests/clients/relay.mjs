/**
 * What Relay's compiler makes of a document, for documents without fragments of their own: the artifact that the
 * `graphql` tag stands for. The compiler itself is a program of many megabytes.
 */
import { readFileSync } from "node:fs";
import { buildSchema, getNamedType, getNullableType, isAbstractType, isListType, isObjectType, parse } from "graphql";

const schema = buildSchema(readFileSync(new URL("../../schema/schema.graphql", import.meta.url), "utf8"));

export function compiled(text) {
  const [definition] = parse(text).definitions;
  const root = schema.getRootType(definition.operation);
  const name = definition.name.value;
  const argumentDefinitions = definition.variableDefinitions.map(({ variable }) => ({
    kind: "LocalArgument",
    name: variable.name.value,
    defaultValue: null,
  }));
  const selections = selected(definition.selectionSet, root);
  return {
    kind: "Request",
    fragment: {
      kind: "Fragment",
      name,
      type: root.name,
      metadata: null,
      abstractKey: null,
      argumentDefinitions,
      selections,
    },
    operation: { kind: "Operation", name, argumentDefinitions, selections },
    params: { id: null, cacheID: name, name, text, operationKind: definition.operation, metadata: {} },
  };
}

function selected(set, type) {
  return set.selections.map((node) => {
    if (node.kind === "InlineFragment") return inline(node);
    return node.name.value === "__typename" ? scalar(node) : field(node, type.getFields()[node.name.value].type);
  });
}

function inline(node) {
  const type = schema.getType(node.typeCondition.name.value);
  const selections = selected(node.selectionSet, type);
  return { kind: "InlineFragment", type: type.name, abstractKey: null, selections };
}

function field(node, type) {
  const named = getNamedType(type);
  if (!node.selectionSet) return scalar(node);
  return {
    ...common(node),
    kind: "LinkedField",
    concreteType: isObjectType(named) && !isAbstractType(named) ? named.name : null,
    plural: isListType(getNullableType(type)),
    selections: selected(node.selectionSet, named),
  };
}

const scalar = (node) => ({ ...common(node), kind: "ScalarField" });

function common(node) {
  const args = (node.arguments ?? []).map(argument);
  const alias = node.alias?.value ?? null;
  return { name: node.name.value, alias, args: args.length > 0 ? args : null, storageKey: null };
}

function argument({ name, value }) {
  if (value.kind === "Variable") return { kind: "Variable", name: name.value, variableName: value.name.value };
  return { kind: "Literal", name: name.value, value: value.kind === "IntValue" ? Number(value.value) : value.value };
}
