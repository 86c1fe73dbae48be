// The user's connectors as the page knows them, and the changes it makes to them.

import { useMutation, useQuery, useQueryClient, type QueryClient } from "@tanstack/preact-query";

import { needsSession, type Api } from "../api/client";
import type { Connector, ConnectorPatch, NewConnector } from "../api/types";
import { isUnattended, texts } from "../words";
import { useKeyway } from "./context";

/** The key of the list of connectors. */
export const LIST = ["connectors"] as const;
const LOOK_AGAIN_MS = 30_000;

/** Whether the connector's server can be asked at all. */
export const isUsable = ({ enabled, state }: Connector) => enabled && state === "ready";

/** What the keys of tools begin with. */
export const TOOLS = ["tools"] as const;
/** What the keys of activity begin with. */
export const ACTIVITY = ["activity"] as const;

const toolsOf = (id: string) => [...TOOLS, id] as const;

export function useConnectors() {
  const { api } = useKeyway();
  return useQuery({
    queryKey: LIST,
    queryFn: api.connectors,
    refetchInterval: ({ state }) => !needsSession(state.error) && LOOK_AGAIN_MS,
  });
}

export function useTools(id: string, enabled: boolean) {
  const { api } = useKeyway();
  return useQuery({ queryKey: toolsOf(id), queryFn: () => api.tools(id), enabled });
}

export function useActivity(id: string) {
  const { api } = useKeyway();
  return useQuery({ queryKey: [...ACTIVITY, id], queryFn: () => api.activity(id) });
}

/** Everything about one connector is asked for again. */
export async function refreshConnector(client: QueryClient, id: string): Promise<void> {
  await client.invalidateQueries({ queryKey: LIST });
  void client.invalidateQueries({ queryKey: [...ACTIVITY, id] });
  const connector = client.getQueryData<Connector[]>(LIST)?.find((known) => known.id === id);
  if (connector !== undefined && isUsable(connector)) {
    await client.invalidateQueries({ queryKey: toolsOf(id) });
  }
}

/** A first contact with new credentials: it tells the tools, and whether the server takes them. */
export async function contact(api: Api, client: QueryClient, id: string): Promise<void> {
  // How it went is in the connector's state and health, which are asked for next.
  await api.test(id).catch(() => undefined);
  await refreshConnector(client, id);
}

export function useCreate() {
  const { api, announce } = useKeyway();
  const client = useQueryClient();
  return useMutation({
    mutationFn: (connector: NewConnector) => api.create(connector),
    onSuccess: (connector) => {
      client.setQueryData<Connector[]>(LIST, (list = []) => [...list, connector]);
      announce(texts.added(connector.name));
      if (isUsable(connector) || isUnattended(connector)) void contact(api, client, connector.id);
    },
  });
}

export function useChange(connector: Connector) {
  const { api, announce } = useKeyway();
  const client = useQueryClient();
  return useMutation({
    mutationFn: (patch: ConnectorPatch) => api.change(connector.id, patch),
    onSuccess: (changed, patch) => {
      client.setQueryData<Connector[]>(LIST, (list = []) =>
        list.map((known) => (known.id === changed.id ? changed : known)),
      );
      announce(texts.changed(changed.name));
      const isNewDoor = patch.headers !== undefined || patch.url !== undefined;
      if ((isNewDoor && isUsable(changed)) || (patch.oauth != null && isUnattended(changed))) {
        void contact(api, client, changed.id);
      } else {
        void refreshConnector(client, changed.id);
      }
    },
  });
}

export function useRemove(connector: Connector) {
  const { api, announce } = useKeyway();
  const client = useQueryClient();
  return useMutation({
    mutationFn: () => api.remove(connector.id),
    onSuccess: () => {
      client.setQueryData<Connector[]>(LIST, (list = []) =>
        list.filter(({ id }) => id !== connector.id),
      );
      client.removeQueries({ queryKey: toolsOf(connector.id) });
      announce(texts.deleted(connector.name));
    },
  });
}

export function useSignOut(connector: Connector) {
  const { api, announce } = useKeyway();
  const client = useQueryClient();
  return useMutation({
    mutationFn: () => api.signOut(connector.id),
    onSuccess: () => {
      announce(texts.signedOut(connector.name));
      return refreshConnector(client, connector.id);
    },
  });
}

/** A real contact with the server, now. */
export function useTest(connector: Connector) {
  const { api, announce } = useKeyway();
  const client = useQueryClient();
  return useMutation({
    mutationFn: () => api.test(connector.id),
    onSuccess: ({ ok, detail }) => {
      announce(ok ? texts.checkedOk(connector.name) : (detail ?? ""));
      return refreshConnector(client, connector.id);
    },
  });
}
