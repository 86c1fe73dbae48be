// The user's personal tokens, where this page may make them.

import { useMutation, useQuery, useQueryClient } from "@tanstack/preact-query";

import type { NewPersonalToken, PersonalToken } from "../api/types";
import { texts } from "../words";
import { useKeyway } from "./context";

const TOKENS = ["personal-tokens"];

/** The tokens; null while they are not there, and where this page may make none. */
export function useTokens(): PersonalToken[] | null {
  const { api } = useKeyway();
  const { data } = useQuery({ queryKey: TOKENS, queryFn: api.personalTokens });
  return data?.can_create ? data.personal_tokens : null;
}

export function useMakeToken() {
  const { api } = useKeyway();
  const client = useQueryClient();
  return useMutation({
    mutationFn: (token: NewPersonalToken) => api.makePersonalToken(token),
    onSuccess: () => client.invalidateQueries({ queryKey: TOKENS }),
  });
}

export function useRevokeToken({ id, name }: PersonalToken) {
  const { api, announce } = useKeyway();
  const client = useQueryClient();
  return useMutation({
    mutationFn: () => api.revokePersonalToken(id),
    onSuccess: () => {
      announce(texts.tokens.revoked(name));
      return client.invalidateQueries({ queryKey: TOKENS });
    },
  });
}
