import { say } from "./words.js";

/**
 * An amount as the server writes it: `$0.006`, `$24.00`.
 *
 * @param {number} amount
 */
export function dollars(amount) {
  if (amount === 0 || amount >= 0.1) return `$${amount.toFixed(2)}`;
  return `$${amount.toFixed(4).replace(/0+$/, "")}`;
}

/** @param {number} seconds of audio */
export function length(seconds) {
  const whole = Math.round(seconds);
  return `${Math.floor(whole / 60)}:${String(whole % 60).padStart(2, "0")}`;
}

/** @param {number} seconds since something happened */
export function age(seconds) {
  if (seconds < 60) return say("age_now");
  if (seconds < 3600) return say("age_minutes", { n: Math.floor(seconds / 60) });
  if (seconds < 86400) return say("age_hours", { n: Math.floor(seconds / 3600) });
  return say("age_days", { n: Math.floor(seconds / 86400) });
}
