// A handler of HTTP requests.  The keep listens and ends TLS.  Each request has a fresh copy of this
// program, as it was after its last line: nothing is kept from one to the next.

addEventListener("fetch", (event) => event.respondWith(answer(event.request)));

async function answer(request) {
  const { pathname } = new URL(request.url);
  if (pathname === "/") return text("hello from JavaScript in a keep\n");
  return text("there is only /\n", 404);
}

function text(body, status = 200) {
  return new Response(body, { status, headers: { "content-type": "text/plain" } });
}
