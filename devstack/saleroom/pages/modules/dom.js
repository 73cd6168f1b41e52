// Build and find parts of a page. Data become text nodes, never HTML, so a listing cannot run a script.

/**
 * Build an element. A function is a listener of that event, `true` an attribute without a value;
 * `null` and `false` leave an attribute or a child out.
 */
export function element(tag, attributes = {}, ...children) {
  const built = document.createElement(tag)
  for (const [name, value] of Object.entries(attributes)) {
    if (typeof value === 'function') built.addEventListener(name, value)
    else if (value !== null && value !== false) built.setAttribute(name, value === true ? '' : value)
  }
  built.append(...children.flat().filter((child) => child !== null && child !== false))
  return built
}

/** Find an element of the page by its id. */
export function byId(id) {
  return document.getElementById(id)
}

/** Set the text of an element, only if it differs, so that a screen reader says no text twice. */
export function write(id, text) {
  if (byId(id).textContent !== text) byId(id).textContent = text
}

/** Show or hide elements. */
export function show(isShown, ...ids) {
  for (const id of ids) byId(id).hidden = !isShown
}

/** Return a parameter of the page's address. */
export function parameter(name) {
  return new URLSearchParams(location.search).get(name)
}

/**
 * Run the handler when the form is sent, with its values as text, and lock its button meanwhile.
 * An error shows in the form's element with the class `problem`.
 */
export function onSubmit(form, handler) {
  const problem = form.querySelector('.problem')
  const button = form.querySelector('button[type=submit], button:not([type])')
  form.addEventListener('submit', async (event) => {
    event.preventDefault()
    button.disabled = true
    problem.textContent = ''
    try {
      await handler(Object.fromEntries(new FormData(form)))
    } catch (error) {
      problem.textContent = error.message
    } finally {
      button.disabled = false
    }
  })
  // Without this listener a browser would send the form itself, with a password in the address.
  button.disabled = false
}

/**
 * Run the handler as `onSubmit` does, with a request id as its second argument. The id stays the same until
 * an answer has come or the input changes, so a request that is repeated after a lost answer counts once.
 */
export function onSubmitOnce(form, handler) {
  let requestId = null
  form.addEventListener('input', () => {
    requestId = null
  })
  onSubmit(form, async (values) => {
    requestId ??= crypto.randomUUID()
    await handler(values, requestId)
    requestId = null
  })
}
