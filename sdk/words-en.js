// What the player says in English. The other languages have exactly these words; the type check says so.
// Sentences avoid plurals: a number after a word reads well in every language and needs no rules on the page.

export default {
  play: "Play", pause: "Pause", mute: "Mute", unmute: "Sound on", captions: "Captions", full: "Full screen", seek: "Position",
  buy: "Buy", resume: "Continue", soldout: "Sold out", left: "{n} left", taken: "{n} in checkouts", held: "Reserved until {t}",
  close: "Close", arrives: "Arrives {d}", free: "free", delivery: "Delivery",   total: "Total", tax: "incl. {m} VAT", plus: "plus {m} tax", choose: "Choose one",
  reserving: "Reserving yours …", hold: "Reserved for you for {t}", contact: "E-mail or phone", why: "For the receipt and news of this parcel. Nothing else.",
  next: "Continue", address: "Where should it go?", name: "Full name", line1: "Street and number", line2: "Apartment, floor (optional)",
  code: "Postcode", city: "City", region: "State or region", country: "Country", change: "Change", needed: "Please fill this in.",
  badcontact: "That is neither an e-mail address nor a phone number.",
  pay: "Pay {m}", place: "Place the order", how: "How do you want to pay?", card: "Card", manual: "On pickup or by transfer", manualtext: "Nothing is taken now. The shop tells you where and how.",
  onetap: "Nothing to type", goesto: "Goes to {a}.", paywith: "Buy · {m} with {c}", addwith: "Add · {m} with {c}", otherway: "Another card or address", forget: "Forget this card",
  keep: "Remember this card on this device for this shop", keeptext: "With this address. Only a token is kept, never the number; forget it at any time.",
  test: "Test mode", testtext: "No money moves. Pick how the card behaves.",
  tok_visa: "Approved", tok_declined: "Too little money", tok_stolen: "Refused by the bank", tok_3ds: "Bank asks the buyer", tok_timeout: "The answer gets lost", tok_slow: "Takes 3 seconds",
  unknown: "Waiting for the bank's word", unknowntext: "You will not be charged twice. You may close this; the order goes on.",
  bank: "Confirm with your bank", banktext: "It opens in its own window. Come back here when you are done; this page notices by itself.", bankgo: "Go to the bank",
  declined: "The payment was declined", declinedtext: "Nothing was charged, and yours stays reserved. Try another way to pay.", insufficient_funds: "The card does not have enough money on it.",
  thanks: "It is yours", number: "Order {n}", receiptto: "The receipt goes to {c}.", order: "See the order", done: "Done", more: "While you are here", saved: "Saved on this device",
  sold_out: "Sold out", sold_outtext: "The last one is taken. Nothing was charged.", watch: "In other checkouts: {n}. If one is let go, you can take it here.", back: "One is free again", take: "Reserve it now",
  also: "Also in this clip", gone: "Not for sale any more", gonetext: "The shop took this offer down. Nothing was charged.",
  nowhere: "Not delivered to {c} yet", nowheretext: "Choose another country to see price and date.", expired: "The reservation ran out", expiredtext: "Nothing was charged. If it is still there, you can reserve it again.", again: "Try again",
  canceled: "Let go", canceledtext: "The piece is free for somebody else. Nothing was charged.", failed: "That did not work", failedtext: "Nothing was charged. Please try again in a moment.",
  consent: "The price has changed", consenttext: "It was {a} and is now {b}. You decide.", yes: "Accept {m}", no: "No, thanks",
  offline: "No connection. Trying again; nothing is lost.", busy: "Many people are buying. Trying again by itself.",
};
