// The shapes the server answers with, as far as the player reads them. Types only: this file is never shipped.

export interface Money { amount: number; currency: string }
export interface Availability { left: number | null; in_checkouts: number }
export interface Copy { title?: string; text?: string; label?: string }
export type AnchorKind = "product_card" | "buy_button" | "ask" | "mark" | "proof";

export interface Anchor {
  id: string; kind: AnchorKind; start_ms: number; end_ms: number;
  product?: string | null; variant?: string | null;
  ask?: "save" | "subscribe" | "alert" | "rsvp" | null;
  copy: Record<string, Copy>;
}
export interface Clip {
  id: string; version: number; slug: string; title: string; description?: string; language: string; page_url: string;
  media: { src: string; type: string; width: number; height: number; duration_ms: number };
  poster: string | null;
  captions: { lang: string; label: string; src: string }[];
  anchors_src?: string; anchors?: Anchor[];
}
export interface Variant { id: string; sku: string; title: string; price: Money; availability: Availability }
export interface Product {
  id: string; slug: string; title: string; description?: string; kind: string; image: string | null; page_url: string;
  version: number; variants: Variant[];
}
export interface Line {
  variant: string; product: string; title: string; variant_title: string | null; image: string | null;
  quantity: number; unit: Money; amount: Money; tax: Money; tax_rate_bp: number;
}
export interface Delivery { id: string; name: string; price: Money; eta_min: string; eta_max: string; promise: string }
export interface Quote {
  quote: string; version: number; expires_at: string; country: string; currency: string; lines: Line[]; items: Money;
  delivery: Delivery | null; delivery_options: Delivery[]; tax: Money; tax_inclusive: boolean; total: Money;
  needs_address: boolean; returns: string; shipping_policy_url: string | null; availability: Availability | null;
  payment_methods: string[]; test_mode: boolean;
}
export type CheckoutState = "incomplete" | "ready_for_complete" | "complete_in_progress" | "requires_escalation"
  | "completed" | "canceled" | "expired";
export type Need = "contact" | "address" | "payment";
export interface Checkout {
  id: string; state: CheckoutState; version: number; client_secret?: string; total: Money; quote: Quote; needs: Need[];
  expires_at: string; next_action: { kind: string; url: string } | null;
  order: { id: string; number: string; confirmed_at: string; page_url: string; next?: Next } | null;
  decline: { code: string; detail: string } | null; test_mode: boolean;
}
/** What is offered right after a purchase, with the kept card that paid it. */
export interface Next { product: string; variant: string; stored: string; until: string }
/** A card this browser had kept, and what it pays for. */
export interface StoredMethod {
  id: string; brand: string; last_four: string; card_expires: string; checkout: string;
  contact: { email?: string | null; phone?: string | null }; address: Record<string, string> | null;
}
export interface Problem {
  code?: string; title?: string; detail?: string; errors?: { pointer: string; detail: string }[];
  left?: number; quote?: Quote; checkout?: Checkout;
}

/** What the core is given instead of the browser's globals. */
export interface Keep {
  getItem(key: string): string | null; setItem(key: string, value: string): void; removeItem(key: string): void;
}
export interface World {
  storage: Keep;
  now: () => number;
  random: (bytes: Uint8Array) => Uint8Array;
  sleep: (ms: number) => Promise<unknown>;
  /** Runs the work while no other tab runs work of the same name. */
  lock: <T>(name: string, work: () => T | Promise<T>) => Promise<T>;
}
export interface Answer { status: number; body: any; wait: number | null }
export interface Call { body?: unknown; secret?: string; once?: string; signal?: AbortSignal }
export type Ask = (method: string, path: string, call?: Call) => Promise<Answer>;

/** What one tap wishes for. */
export interface Wish {
  lines: string; country?: string; clip?: string; version?: number; anchor?: string; at_ms?: number;
  product?: string; variant?: string;
}
/** What a tap says beside its quote when it pays with a kept card. */
export interface OneTap { payment?: { method: string; stored: string }; after?: string; return_url?: string | null }
/** What is kept of a purchase on the device. No name, no address, no card. */
export interface Kept {
  id: string; made: number; wish: Wish; body?: { quote: string } & OneTap; secret?: string; added?: boolean;
  done?: number; until?: string; version?: number; pay?: { once: string; as: string; version: number };
}
export type Step = "quote" | "one_tap" | Need | "consent" | "bank" | "unknown" | "receipt" | "sold_out" | "gone" | "nowhere" | "expired"
  | "canceled" | "failed";
export interface PurchaseState {
  step: Step; busy: boolean; quote: Quote | null; checkout: Checkout | null;
  /** The dearer quote that waits for consent. */
  offer: Quote | null;
  left: number; errors: { pointer: string; detail: string }[]; decline: { code: string; detail: string } | null;
  trouble: "offline" | "busy" | null; detail: string;
}
export interface BeaconEvent {
  kind: "impression" | "view" | "hook" | "second" | "tap" | "add" | "purchase" | "ask" | "end";
  anchor?: string; at_ms?: number; seconds?: [number, number];
}
