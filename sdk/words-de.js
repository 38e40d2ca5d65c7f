// What the player says in German.

/** @type {typeof import("./words-en.js").default} */
export default {
  play: "Abspielen", pause: "Anhalten", mute: "Ton aus", unmute: "Ton an", captions: "Untertitel", full: "Vollbild", seek: "Stelle",
  buy: "Kaufen", resume: "Weiter", soldout: "Ausverkauft", left: "noch {n}", taken: "{n} in Kassen", held: "Reserviert bis {t}",
  close: "Schließen", arrives: "Kommt {d}", free: "kostenlos", delivery: "Lieferung",   total: "Gesamt", tax: "inkl. {m} MwSt.", plus: "zzgl. {m} Steuer", choose: "Bitte wählen",
  reserving: "Wird für dich reserviert …", hold: "Noch {t} für dich reserviert", contact: "E-Mail oder Telefon", why: "Für die Quittung und Neues zum Paket. Für nichts sonst.",
  next: "Weiter", address: "Wohin damit?", name: "Vor- und Nachname", line1: "Straße und Hausnummer", line2: "Wohnung, Etage (freiwillig)",
  code: "PLZ", city: "Ort", region: "Bundesland oder Region", country: "Land", change: "Ändern", needed: "Bitte ausfüllen.",
  badcontact: "Das ist weder eine E-Mail-Adresse noch eine Telefonnummer.",
  pay: "Jetzt kaufen · {m}", place: "Zahlungspflichtig bestellen", how: "Wie möchtest du bezahlen?", card: "Karte", manual: "Bei Abholung oder per Überweisung", manualtext: "Jetzt wird nichts abgebucht. Der Shop sagt dir, wo und wie.",
  onetap: "Nichts einzutippen", goesto: "Geht an {a}.", paywith: "Jetzt kaufen · {m} mit {c}", addwith: "Dazukaufen · {m} mit {c}", otherway: "Andere Karte oder Adresse", forget: "Diese Karte vergessen",
  keep: "Diese Karte auf diesem Gerät für diesen Shop merken", keeptext: "Mit dieser Adresse. Gemerkt wird nur ein Zeichen, nie die Nummer; du kannst sie jederzeit vergessen lassen.",
  test: "Testbetrieb", testtext: "Es fließt kein Geld. Wähle, wie sich die Karte verhält.",
  tok_visa: "Angenommen", tok_declined: "Zu wenig Geld", tok_stolen: "Von der Bank abgelehnt", tok_3ds: "Bank fragt nach", tok_timeout: "Antwort geht verloren", tok_slow: "Dauert 3 Sekunden",
  unknown: "Die Bank hat noch nicht geantwortet", unknowntext: "Du zahlst nicht doppelt. Du kannst das schließen; die Bestellung läuft weiter.",
  bank: "Bei der Bank bestätigen", banktext: "Das öffnet sich in einem eigenen Fenster. Komm danach zurück; diese Seite merkt es selbst.", bankgo: "Zur Bank",
  declined: "Die Zahlung wurde abgelehnt", declinedtext: "Es wurde nichts abgebucht, und dein Stück bleibt reserviert. Versuche einen anderen Weg.", insufficient_funds: "Auf der Karte ist zu wenig Geld.",
  thanks: "Es gehört dir", number: "Bestellung {n}", receiptto: "Die Quittung geht an {c}.", order: "Zur Bestellung", done: "Fertig", more: "Wenn du schon da bist", saved: "Auf diesem Gerät gemerkt",
  sold_out: "Ausverkauft", sold_outtext: "Das letzte Stück ist vergeben. Es wurde nichts abgebucht.", watch: "In anderen Kassen: {n}. Wird eines frei, kannst du es hier nehmen.", back: "Eines ist wieder frei", take: "Jetzt reservieren",
  also: "Auch in diesem Clip", gone: "Nicht mehr zu haben", gonetext: "Der Shop hat das Angebot beendet. Es wurde nichts abgebucht.",
  nowhere: "Noch keine Lieferung nach {c}", nowheretext: "Wähle ein anderes Land für Preis und Termin.", expired: "Die Reservierung ist abgelaufen", expiredtext: "Es wurde nichts abgebucht. Ist es noch da, kannst du neu reservieren.", again: "Noch einmal",
  canceled: "Freigegeben", canceledtext: "Das Stück ist für andere frei. Es wurde nichts abgebucht.", failed: "Das hat nicht geklappt", failedtext: "Es wurde nichts abgebucht. Versuche es gleich noch einmal.",
  consent: "Der Preis hat sich geändert", consenttext: "Vorher {a}, jetzt {b}. Du entscheidest.", yes: "{m} annehmen", no: "Nein, danke",
  offline: "Keine Verbindung. Wird wiederholt; nichts geht verloren.", busy: "Gerade kaufen viele. Wird von selbst wiederholt.",
};
