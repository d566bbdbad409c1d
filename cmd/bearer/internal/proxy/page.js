"use strict";

// The page is whole without this script, as of the time when it was opened. The
// script keeps it current from /-/events, and counts down.

const looks = { valid: "good", closed: "good", failing: "bad", "login required": "bad", open: "bad", none: "off" };
const live = document.getElementById("live");
const pause = document.getElementById("pause");
const summary = document.getElementById("summary");

let view = null; // the newest
let ahead = 0; // of the server's clock before this one's, in milliseconds
let paused = false;

function set(element, text) {
	if (element.textContent !== text) element.textContent = text;
}

function span(milliseconds) {
	const s = Math.max(0, Math.ceil(milliseconds / 1000));
	const two = (n) => String(n).padStart(2, "0");
	if (s >= 172800) return Math.floor(s / 86400) + " days";
	if (s >= 3600) return Math.floor(s / 3600) + ":" + two(Math.floor(s / 60) % 60) + ":" + two(s % 60);
	return Math.floor(s / 60) + ":" + two(s % 60);
}

function countDown(row, client) {
	const now = Date.now() + ahead;
	const field = (name) => row.querySelector(`[data-field=${name}]`);
	let left = "–", next = "";
	if (client.expiry > 0 && client.expiry <= now) left = "expired";
	else if (client.state === "valid") left = client.expiry > 0 ? "in " + span(client.expiry - now) : "not known";
	else if (client.expiry > 0) left = "rejected by the API";
	if (client.nextRefresh > now) next = "refresh due in " + span(client.nextRefresh - now);
	else if (client.nextRefresh > 0) next = "refresh with the next request";
	set(field("left"), left);
	set(field("next"), next);
}

function show() {
	const rows = [...document.querySelectorAll("[data-client]")];
	const names = rows.map((row) => row.dataset.client).join();
	if (names !== view.clients.map((client) => client.name).join()) {
		location.reload(); // the file has been read again
		return;
	}
	set(summary, view.ready ? "All clients are ready" : "Not all clients are ready");
	view.clients.forEach((client, i) => {
		const row = rows[i];
		const field = (name) => row.querySelector(`[data-field=${name}]`);
		for (const name of ["state", "breaker"]) {
			set(field(name), client[name]);
			field(name).className = "state " + (looks[client[name]] || "wait");
		}
		for (const name of ["refreshes", "requests", "half", "error"]) set(field(name), String(client[name]));
		set(field("refreshFailures"), client.refreshFailures + " failed");
		field("refreshFailures").classList.toggle("failures", client.refreshFailures > 0);
		set(field("failures"), `${client.failures} failed, ${client.inFlight} in flight`);
		field("failures").classList.toggle("failures", client.failures > 0);
		set(field("most"), `95 % within ${client.most}, ${client.perMinute} answers`);
		set(row.querySelector(".base"), client.base);
		field("error").hidden = client.error === "";
		countDown(row, client);
	});
}

const events = new EventSource("/-/events");
events.onmessage = (event) => {
	view = JSON.parse(event.data);
	ahead = view.now - Date.now();
	if (!paused) {
		set(live, "Live");
		show();
	}
};
events.onerror = () => {
	set(live, events.readyState === EventSource.CLOSED
		? "The connection has ended: open the page by a new link"
		: "The connection is lost, and is tried again");
};
setInterval(() => {
	if (view && !paused) {
		document.querySelectorAll("[data-client]").forEach((row, i) => {
			if (view.clients[i]) countDown(row, view.clients[i]);
		});
	}
}, 250);
pause.hidden = false;
pause.addEventListener("click", () => {
	paused = !paused;
	pause.setAttribute("aria-pressed", String(paused));
	set(live, paused ? "Paused" : "Live");
	if (!paused && view) show();
});
