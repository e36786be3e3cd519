// A gate at Cloudflare: clients whose address is a key of the namespace `BLOCKED` get no further.
export default {
  async fetch(request, env) {
    const client = request.headers.get("cf-connecting-ip") ?? "";
    const verdict = await env.BLOCKED.get(client);
    if (verdict === "block") {
      return new Response(`blocked (${env.MODE})`, { status: 403 });
    }
    return new Response("let through");
  },
};
