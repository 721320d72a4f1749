/**
 * What `k.attention` says: bits for things that need doing at the end of a call. 0, nearly always, lets a direct call
 * return at once.
 */

/** A direct task was woken, a call blocked, a signal came, somebody died. */
export const ATTEND = 1
/** Somebody said no: is it what the call returns? See security/deny.ts. */
export const REFUSED = 2
