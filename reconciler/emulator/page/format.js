// Times and numbers: turns seconds and addresses into what people read.

const TURNING = /[\u0590-\u08ff\u200e\u200f\u202a-\u202e\u2066-\u2069\ufb1d-\ufefc]/;
const NUMBER = /^\+1(\d{3})(\d{3})(\d{4})$/;

/** Return a duration such as `23 h 59 min`, `4 min 10 s`; never below zero. */
export function duration(seconds) {
  const whole = Math.max(0, Math.floor(seconds));
  const [days, hours] = [Math.floor(whole / 86400), Math.floor((whole % 86400) / 3600)];
  const [minutes, rest] = [Math.floor((whole % 3600) / 60), whole % 60];
  if (days >= 2) return hours ? `${days} d ${hours} h` : `${days} d`;
  if (whole >= 3600) return minutes ? `${days * 24 + hours} h ${minutes} min` : `${days * 24 + hours} h`;
  return minutes ? `${minutes} min ${rest} s` : `${rest} s`;
}

/** Return a moment as `Thu 1 Jan 2026, 00:00:00 UTC`. */
export function moment(at_s) {
  const [day, date, month, year, time] = new Date(at_s * 1000).toUTCString().replace(",", "").split(" ");
  return `${day} ${Number(date)} ${month} ${year}, ${time} UTC`;
}

/** Return the time of day of a moment given in seconds or as Twilio writes dates. */
export function timeOfDay(at) {
  const date = new Date(typeof at === "number" ? at * 1000 : at);
  return Number.isNaN(date.getTime()) ? "" : date.toISOString().slice(11, 16);
}

/** Return an address without its channel, spaced for reading. */
export function number(address) {
  return plain(address).split(", ").map((one) => one.replace(NUMBER, "+1 $1 $2 $3")).join(", ");
}

/** Return an address without its channel. */
export function plain(address) {
  return (address ?? "").split(",").map((one) => one.slice(one.lastIndexOf(":") + 1)).join(", ");
}

/** Return which look and rules an address has: whatsapp or sms. */
export function channel(address) {
  return (address ?? "").startsWith("whatsapp:") ? "whatsapp" : "sms";
}

/** Return how people call a channel. */
export function channelName(address) {
  return channel(address) === "whatsapp" ? "WhatsApp" : "SMS";
}

/** Return what a conversation is called. */
export function title(conversation) {
  return isolated(conversation.friendly_name || conversation.unique_name || conversation.sid);
}

/** Return what each conversation is called, told apart where several are called the same. */
export function namesOf(conversations) {
  const names = conversations.map(title);
  const many = names.filter((name, at) => names.indexOf(name) !== at);
  return conversations.map(({ unique_name, friendly_name, sid }, at) => {
    const other = unique_name && friendly_name ? unique_name : `${sid.slice(0, 6)}…${sid.slice(-4)}`;
    return many.includes(names[at]) ? `${names[at]} · ${isolated(other)}` : names[at];
  });
}

/** Return a name that cannot turn the words around it, whichever way it is written or says to write. */
export function isolated(name) {
  return TURNING.test(name) ? `\u2068${name.replaceAll("\u2069", "")}\u2069` : name;
}
