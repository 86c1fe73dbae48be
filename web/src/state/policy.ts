// What tools may do: their modes, changes to look at, and calls that wait for a person.

import { useMutation, useQuery, useQueryClient } from "@tanstack/preact-query";

import { needsSession } from "../api/client";
import type { Approval, Decision, Tool, ToolPatch } from "../api/types";
import { texts } from "../words";
import { TOOLS } from "./connectors";
import { useKeyway } from "./context";

/** The key of the calls that wait. */
export const APPROVALS = ["approvals"] as const;
const LOOK_AGAIN_MS = 30_000;

export function useApprovals() {
  const { api } = useKeyway();
  return useQuery({
    queryKey: APPROVALS,
    queryFn: api.approvals,
    refetchInterval: ({ state }) => !needsSession(state.error) && LOOK_AGAIN_MS,
  });
}

export function useDecide() {
  const { api, announce } = useKeyway();
  const client = useQueryClient();
  return useMutation({
    mutationFn: ({ approval, decision }: { approval: Approval; decision: Decision }) =>
      api.decide(approval.id, decision),
    onSuccess: (_, { approval, decision }) => announce(texts.decided[decision](approval.tool)),
    onSettled: () => client.invalidateQueries({ queryKey: APPROVALS }),
  });
}

/** Changes a tool; what was chosen shows at once, and is taken back where it is refused. */
export function useChangeTool(connectorId: string) {
  const { api, announce } = useKeyway();
  const client = useQueryClient();
  const queryKey = [...TOOLS, connectorId];
  const replace = (name: string, change: (tool: Tool) => Tool) =>
    client.setQueryData<Tool[]>(queryKey, (tools) =>
      tools?.map((tool) => (tool.name === name ? change(tool) : tool)),
    );
  return useMutation({
    mutationFn: ({ tool, patch }: { tool: Tool; patch: ToolPatch }) =>
      api.changeTool(connectorId, tool.name, patch),
    onMutate: ({ tool, patch: { mode } }) => {
      if (mode !== undefined) replace(tool.name, (known) => ({ ...known, mode }));
    },
    onSuccess: (changed) => {
      replace(changed.name, () => changed);
      announce(texts.toolChanged(changed.title || changed.name));
    },
    onError: () => client.invalidateQueries({ queryKey }),
  });
}
