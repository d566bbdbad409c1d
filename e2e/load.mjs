// Sends COUNT requests to URL, LANES at a time, with Node's fetch, and prints how
// many answers had which status.
const { URL: url, TOKEN: token, COUNT, LANES } = process.env;
let left = Number(COUNT);
const statuses = {};
async function lane() {
	while (left-- > 0) {
		let status;
		try {
			const answer = await fetch(url, { headers: { authorization: `Bearer ${token}` } });
			await answer.arrayBuffer();
			status = answer.status;
		} catch (error) {
			status = String(error.cause ?? error);
		}
		statuses[status] = (statuses[status] ?? 0) + 1;
	}
}
await Promise.all(Array.from({ length: Number(LANES) }, lane));
console.log(JSON.stringify(statuses));
