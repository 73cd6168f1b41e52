/** The page behind an address that is unknown, used or expired. */

import { byId, showBack, state } from './page.js'

byId('message').textContent = state.message
showBack(state.return_url)
