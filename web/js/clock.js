/**
 * Counts down to the moment of a clock on the page, by the server's time, and then calls `done`.
 * @param {HTMLTimeElement} clock
 * @param {string} now the server's clock when the page was written
 * @param {() => void} done
 */
export function countDown(clock, now, done) {
  const ahead = Date.parse(now) - Date.now();
  /** @param {number} number */
  const two = (number) => String(number).padStart(2, "0");
  const tick = () => {
    const rest = Math.ceil((Date.parse(clock.dateTime) - Date.now() - ahead) / 1000);
    if (rest <= 0) return void done();
    const [days, hours, minutes] = [Math.floor(rest / 86400), Math.floor(rest / 3600) % 24, Math.floor(rest / 60) % 60];
    clock.textContent = `${days ? `${days} d ` : ""}${days || hours ? `${two(hours)}:` : ""}${two(minutes)}:${two(rest % 60)}`;
    setTimeout(tick, 1000 - (Date.now() % 1000));
  };
  tick();
}

/**
 * Times by the reader's own clock; without scripts they are by the shop's.
 * @param {ParentNode} page
 */
export function localTimes(page) {
  const own = new Intl.DateTimeFormat(document.documentElement.lang, {
    day: "numeric", month: "long", hour: "2-digit", minute: "2-digit", timeZoneName: "short",
  });
  for (const time of page.querySelectorAll("time[data-local]")) {
    const at = new Date(/** @type {HTMLTimeElement} */ (time).dateTime);
    if (!Number.isNaN(at.getTime())) time.textContent = own.format(at);
  }
}
