// The account: the identity check, payouts and notifications.

import { openNotifications } from './notifications.js'
import { openPage } from './page.js'
import { openPayouts } from './payouts.js'
import { requireUser } from './session.js'
import { openVerification } from './verification.js'

await openPage()
const user = await requireUser()
await Promise.all([openVerification(), openPayouts(), openNotifications(user)])
