// The API's shapes under the names the page uses. Everything comes from the generated schema.

import type { components } from "./schema";

type Schemas = components["schemas"];

export type Connector = Schemas["Connector"];
export type NewConnector = Schemas["NewConnector"];
export type NewOAuth = Schemas["NewOAuth"];
export type ConnectorPatch = Schemas["ConnectorPatch"];
export type ProbeReport = Schemas["ProbeReport"];
export type TraceStep = Schemas["TraceStep"];
export type TestReport = Schemas["TestReport"];
export type Tool = Schemas["Tool"];
export type ToolMode = Tool["mode"];
export type ToolPatch = Schemas["ToolPatch"];
export type ToolChange = Schemas["ToolChange"];
export type ChangedMember = Schemas["ChangedMember"];
export type Approval = Schemas["Approval"];
export type Decision = Schemas["Decide"]["decision"];
export type Activity = Schemas["Activity"];
export type PersonalToken = Schemas["PersonalTokenListed"];
export type PersonalTokens = Schemas["PersonalTokens"];
export type NewPersonalToken = Schemas["NewPersonalToken"];
export type PersonalTokenMade = Schemas["PersonalTokenMade"];
export type Preset = Schemas["Preset"];
export type SignInStarted = Schemas["SignInStarted"];
export type AuthorizationSession = Schemas["AuthorizationSession"];

/** Header names and their values; `null` deletes one. */
export type HeaderPatch = Record<string, string | null>;
