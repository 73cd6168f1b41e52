/** The parts that the scripts of all pages share. */

/** State that the server wrote into the page. */
export const state = JSON.parse(document.querySelector('meta[name="state"]').content)

/** Return the element with an id. */
export const byId = (id) => document.getElementById(id)

/** Format an amount in cents. */
export function money(cents, currency) {
  const options = { style: 'currency', currency, currencyDisplay: 'narrowSymbol' }
  const text = new Intl.NumberFormat('en-AU', options).format(cents / 100)
  return `${text} ${currency.toUpperCase()}`
}

/** Make an element; a child that is text stays text. */
export function element(tag, properties = {}, ...children) {
  const made = Object.assign(document.createElement(tag), properties)
  made.append(...children)
  return made
}

/** Show a link to the page that the person came from, unless there is none. */
export function showBack(url) {
  if (!url) return
  byId('back').href = url
  byId('back').hidden = false
}

/** Show the groups of choices of the state as radio buttons; the first is chosen. */
export function showChoices(groups) {
  groups.forEach((group, g) => {
    const rows = group.choices.map((choice, c) => choiceRow(choice, `${g}.${c}`))
    byId('choices').append(
      element('fieldset', {}, element('legend', {}, group.title), ...rows)
    )
  })
  byId('choices').querySelector('input').checked = true
}

function choiceRow(choice, value) {
  const detail = element('small', {}, choice.detail)
  return element(
    'label',
    {},
    element('input', { type: 'radio', name: 'choice', value }),
    element('span', {}, choice.label, ' ', detail)
  )
}

/** Return the body of the choice that the person has made. */
export function chosen(groups) {
  const [group, choice] = new FormData(byId('form')).get('choice').split('.')
  return groups[group].choices[choice].body
}

/** Run `work` when the form is submitted, once at a time, and show its error. */
export function onSubmit(work) {
  byId('form').addEventListener('submit', async (event) => {
    event.preventDefault()
    byId('submit').disabled = true
    byId('problem').textContent = ''
    try {
      await work()
    } catch (error) {
      byId('problem').textContent = error.message
      byId('submit').disabled = false
    }
  })
}

/** Go to an address; without one, say that the page can be closed. */
export function leave(url) {
  if (url) location.assign(url)
  else byId('form').replaceChildren(element('p', { role: 'status' }, 'Done. You can close this page.'))
}
