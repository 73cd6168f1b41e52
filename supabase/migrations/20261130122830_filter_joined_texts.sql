set lock_timeout = '2s';
set statement_timeout = '30s';

-- The rules for texts that are joined: each names a bank, an account, a payment service,
-- a card number, a BSB or an ABN.
update private.filter_rules
set stage = stage || '{joined}'
where
  rule_version = 1 and not 'joined' = any(stage)
  and rule in (
    'abn_bank', 'abn_pay_app', 'abn_payee', 'abn_payee_after', 'account_digits',
    'account_long', 'account_more', 'bank_abn', 'bank_account', 'bank_digits', 'bsb_account',
    'bsb_digits', 'bsb_word_account', 'card', 'card_solid', 'cashtag', 'digits_account',
    'digits_bsb', 'digits_pay_app', 'email_pay_app', 'long_account', 'mobile_pay_app',
    'pay_app_abn', 'pay_app_account', 'pay_app_at_provider', 'pay_app_bare', 'pay_app_described',
    'pay_app_digits', 'pay_app_domain', 'pay_app_email',
    'pay_app_handle', 'pay_app_landline', 'pay_app_me', 'pay_app_mobile', 'pay_app_sign',
    'pay_app_weak_provider', 'provider_pay_app', 'split_account'
  );
