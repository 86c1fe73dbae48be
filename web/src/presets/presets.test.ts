import { describe, expect, it } from "vitest";

import type { Preset } from "../api/types";
import { matching, presetAt } from "./presets";

function preset(name: string, url: string, description: string | null = null): Preset {
  return {
    id: name.toLowerCase(), name, description, url, icon: null, scopes: [],
    registration_help_url: null, client: "none_needed",
  };
}

const NOTION = preset("Notion", "https://mcp.notion.com/mcp", "Pages and databases");
const LINEAR = preset("Linear", "https://mcp.linear.app/mcp", "Issues and projects");
const GITHUB = preset("GitHub", "https://api.githubcopilot.com/mcp/", "Repositories and issues");
const ALL = [NOTION, LINEAR, GITHUB];

describe("presets", () => {
  it.each<[string, Preset[]]>([
    ["", ALL],
    ["not", [NOTION]],
    ["ISSUES", [LINEAR, GITHUB]],
    ["issues copilot", [GITHUB]],
    ["linear.app", [LINEAR]],
    ["nowhere", []],
  ])("are found by %j", (typed, expected) => {
    expect(matching(ALL, typed)).toEqual(expected);
  });

  it("are left as soon as the address is another", () => {
    expect(presetAt(ALL, NOTION.url)).toBe(NOTION);
    expect(presetAt(ALL, `${NOTION.url}x`)).toBeUndefined();
    expect(presetAt(ALL, null)).toBeUndefined();
  });
});
