/** @file The sign-in and the consent page: plain forms that hand what was typed to better-auth and go where it says. */

const page = (title, form) =>
  new Response(
    `<!doctype html><html lang="en"><meta charset="utf-8"><title>${title}</title><h1>${title}</h1><form method="post">${form}</form>`,
    { headers: { 'content-type': 'text/html; charset=utf-8' } },
  );

const FORMS = {
  '/login': () =>
    page(
      'Sign in',
      '<label>Email <input name="email" type="email" required></label>' +
        '<label>Password <input name="password" type="password" required></label><button>Sign in</button>',
    ),
  '/consent': () =>
    page(
      'Allow access',
      '<button name="accept" value="yes">Allow</button> <button name="accept" value="no">Deny</button>',
    ),
};

const SUBMISSIONS = {
  '/login': (form) => ['/sign-in/email', { email: form.get('email'), password: form.get('password') }],
  '/consent': (form) => ['/oauth2/consent', { accept: form.get('accept') === 'yes' }],
};

/** Asks better-auth as the person's browser would, with its cookies. */
function ask(auth, request, path, body) {
  const headers = new Headers({ 'content-type': 'application/json' });
  for (const name of ['cookie', 'origin', 'user-agent']) {
    if (request.headers.has(name)) headers.set(name, request.headers.get(name));
  }
  return auth.handler(new Request(new URL(`/api/auth${path}`, request.url), { method: 'POST', headers, body: JSON.stringify(body) }));
}

async function submit(auth, request, path) {
  const [endpoint, typed] = SUBMISSIONS[path](await request.formData());
  const oauth_query = new URL(request.url).search.slice(1);
  const answer = await ask(auth, request, endpoint, { ...typed, oauth_query });
  const said = await answer.json();
  const location = said.url ?? said.redirect_uri;
  if (!answer.ok || !location) return new Response(JSON.stringify(said), { status: 400 });
  const headers = new Headers({ location });
  for (const cookie of answer.headers.getSetCookie()) headers.append('set-cookie', cookie);
  return new Response(null, { status: 303, headers });
}

/**
 * @param {object} auth
 * @param {Request} request
 * @returns {Promise<Response> | Response | undefined} nothing where the address is none of these pages
 */
export function servePage(auth, request) {
  const { pathname } = new URL(request.url);
  if (!(pathname in FORMS)) return undefined;
  return request.method === 'POST' ? submit(auth, request, pathname) : FORMS[pathname]();
}
