set lock_timeout = '2s';
set statement_timeout = '30s';

-- No client calls it.
-- squawk-ignore ban-drop-function
drop function private.with_ascii_digits;

-- No client calls it.
-- squawk-ignore ban-drop-function
drop function private.has_contact_details;

delete from private.filter_rules;

insert into private.filter_rules (
  rule_version, rule, kind, pattern, gap, unless, unless_near, weight, reason_code, stages
) values
(
  1, 'mobile', 'contact', '{mobile}', 0,
  null, null, 75, 'PHONE_NUMBER', '{strict,listing,name}'
),
(
  1, 'landline', 'contact', '{landline}', 0,
  null, null, 75, 'PHONE_NUMBER', '{strict,listing,name}'
),
(
  1, 'freecall', 'contact', '{freecall}', 0,
  null, null, 75, 'PHONE_NUMBER', '{strict,listing,name}'
),
(
  1, 'scattered_mobile', 'contact', '{scattered_mobile}', 0,
  'id_cue', null, 70, 'PHONE_NUMBER', '{strict,listing,name}'
),
(
  1, 'described_mobile', 'contact', '{phone_cue,described_mobile}', 8,
  'id_cue', null, 70, 'PHONE_NUMBER', '{strict,listing,name}'
),
(
  1, 'described_mobile_cue', 'contact', '{number_cue,described_mobile}', 6,
  'id_cue', null, 70, 'PHONE_NUMBER', '{strict,listing,name}'
),
(
  1, 'described_mobile_after', 'contact', '{described_mobile,number_cue}', 3,
  'id_cue', null, 70, 'PHONE_NUMBER', '{strict}'
),
(
  1, 'tail_and_head', 'contact', '{number_cue,tail_and_head}', 6,
  null, null, 70, 'PHONE_NUMBER', '{strict}'
),
(
  1, 'tail_and_head_cue', 'contact', '{phone_cue,tail_and_head}', 6,
  null, null, 70, 'PHONE_NUMBER', '{strict}'
),
(
  1, 'bare_digits', 'contact', '{phone_cue,bare_digits}', 8,
  'id_cue', null, 65, 'PHONE_NUMBER', '{strict}'
),
(
  1, 'bare_digits_zero', 'contact', '{zero_cue,bare_digits}', 12,
  null, null, 65, 'PHONE_NUMBER', '{strict}'
),
(
  1, 'bare_digits_zero_after', 'contact', '{bare_digits,zero_cue}', 12,
  null, null, 65, 'PHONE_NUMBER', '{strict}'
),
(
  1, 'described_landline', 'contact', '{phone_cue,described_landline}', 8,
  'id_cue', null, 70, 'PHONE_NUMBER', '{strict}'
),
(
  1, 'described_landline_area', 'contact', '{landline_cue,described_landline}', 8,
  'id_cue', null, 70, 'PHONE_NUMBER', '{strict}'
),
(
  1, 'described_landline_digits', 'contact', '{number_cue,described_landline}', 6,
  'id_cue', null, 70, 'PHONE_NUMBER', '{strict}'
),
(
  1, 'described_zero', 'contact', '{zero_cue,described_bare}', 12,
  'id_cue', null, 70, 'PHONE_NUMBER', '{strict}'
),
(
  1, 'described_cue', 'contact', '{phone_cue,described_bare}', 6,
  'id_cue', null, 65, 'PHONE_NUMBER', '{strict}'
),
(
  1, 'described_zero_after', 'contact', '{described_bare,zero_cue}', 12,
  'id_cue', null, 70, 'PHONE_NUMBER', '{strict}'
),
(
  1, 'bare_mobile', 'contact', '{bare_mobile}', 0,
  'id_cue', null, 65, 'PHONE_NUMBER', '{strict,listing,name}'
),
(
  1, 'bare_mobile_cue', 'contact', '{phone_cue,bare_mobile}', 8,
  'id_cue', null, 70, 'PHONE_NUMBER', '{strict,listing}'
),
(
  1, 'bare_mobile_zero', 'contact', '{zero_cue,bare_mobile}', 12,
  null, null, 70, 'PHONE_NUMBER', '{strict}'
),
(
  1, 'bare_mobile_zero_after', 'contact', '{bare_mobile,zero_cue}', 12,
  null, null, 70, 'PHONE_NUMBER', '{strict}'
),
(
  1, 'bare_landline', 'contact', '{bare_landline}', 0,
  'id_cue', null, 65, 'PHONE_NUMBER', '{strict,name}'
),
(
  1, 'phone_cue_digits', 'contact', '{phone_cue,account_digits}', 6,
  'id_cue', null, 65, 'PHONE_NUMBER', '{strict,listing,name}'
),
(
  1, 'landline_cue_digits', 'contact', '{landline_cue,account_digits}', 4,
  'id_cue', null, 65, 'PHONE_NUMBER', '{strict}'
),
(
  1, 'short_number_cue', 'contact', '{phone_cue,short_number}', 4,
  'id_cue', null, 65, 'PHONE_NUMBER', '{strict,listing,name}'
),
(1, 'backwards', 'contact', '{backwards}', 0, 'id_cue', null, 65, 'PHONE_NUMBER', '{strict}'),
(
  1, 'backwards_cue', 'contact', '{backwards_cue,backwards}', 12,
  null, null, 75, 'PHONE_NUMBER', '{strict}'
),
(
  1, 'backwards_cue_after', 'contact', '{backwards,backwards_cue}', 12,
  null, null, 75, 'PHONE_NUMBER', '{strict}'
),
(
  1, 'email', 'contact', '{at_sign,dot,tld}', 3,
  null, null, 75, 'EMAIL_ADDRESS', '{strict,listing,name}'
),
(
  1, 'email_sign_tld', 'contact', '{at_sign,dot,tight_tld}', 3,
  null, null, 75, 'EMAIL_ADDRESS', '{strict,listing,name}'
),
(
  1, 'email_sign_country', 'contact', '{at_sign,dot,path_tld}', 2,
  null, null, 75, 'EMAIL_ADDRESS', '{strict,listing,name}'
),
(
  1, 'email_words', 'contact', '{at_word,dot,tld}', 3,
  null, null, 75, 'EMAIL_ADDRESS', '{strict,name}'
),
(
  1, 'email_dot_words', 'contact', '{at_word,dot_word,tld}', 3,
  null, null, 75, 'EMAIL_ADDRESS', '{listing}'
),
(
  1, 'email_provider', 'contact', '{at_sign,provider}', 2,
  null, null, 75, 'EMAIL_ADDRESS', '{strict,listing,name}'
),
(
  1, 'email_provider_words', 'contact', '{at_word,provider}', 3,
  null, null, 75, 'EMAIL_ADDRESS', '{strict,listing,name}'
),
(
  1, 'email_weak_provider', 'contact', '{at_sign,weak_provider}', 1,
  null, null, 75, 'EMAIL_ADDRESS', '{strict,listing,name}'
),
(
  1, 'email_weak_provider_words', 'contact', '{at_word,weak_provider}', 2,
  null, null, 72, 'EMAIL_ADDRESS', '{strict,listing,name}'
),
(
  1, 'email_provider_dot', 'contact', '{provider,dot,tld}', 1,
  null, null, 75, 'EMAIL_ADDRESS', '{strict,listing,name}'
),
(
  1, 'email_weak_provider_dot', 'contact', '{weak_provider,dot,tld}', 1,
  null, null, 75, 'EMAIL_ADDRESS', '{strict,listing,name}'
),
(
  1, 'email_provider_bare', 'contact', '{provider}', 0,
  null, 'provider_safe', 65, 'EMAIL_ADDRESS', '{strict,name}'
),
(
  1, 'email_cue_provider', 'contact', '{email_cue,weak_provider}', 8,
  'device', null, 65, 'EMAIL_ADDRESS', '{strict}'
),
(
  1, 'email_handle_provider', 'contact', '{handle_like,weak_provider}', 2,
  null, null, 65, 'EMAIL_ADDRESS', '{strict}'
),
(1, 'tight_at', 'contact', '{tight_at}', 0, null, null, 65, 'EMAIL_ADDRESS', '{strict,name}'),
(1, 'domain', 'contact', '{tight_dot,tight_tld}', 0, null, null, 70, 'LINK', '{strict,name}'),
(
  1, 'domain_path', 'contact', '{tight_dot,path_tld,slash}', 0,
  null, null, 70, 'LINK', '{strict,name}'
),
(1, 'domain_words', 'contact', '{dot,tld}', 0, null, null, 70, 'LINK', '{strict,name}'),
(1, 'domain_soft', 'contact', '{comma,com}', 0, null, 'com_safe', 70, 'LINK', '{strict}'),
(1, 'link', 'contact', '{scheme}', 0, null, null, 75, 'LINK', '{strict,name}'),
(1, 'www', 'contact', '{www,dot}', 0, null, null, 75, 'LINK', '{strict,name}'),
(
  1, 'my_weak_provider', 'contact', '{my,weak_provider,is}', 2,
  'device', null, 65, 'EMAIL_ADDRESS', '{strict}'
),
(
  1, 'my_weak_provider_name', 'contact', '{my,weak_provider,handle_cue}', 2,
  'device', null, 65, 'EMAIL_ADDRESS', '{strict}'
),
(
  1, 'weak_provider_colon', 'contact', '{weak_provider,colon}', 0,
  'device', null, 65, 'EMAIL_ADDRESS', '{strict}'
),
(
  1, 'weak_provider_handle', 'contact', '{weak_provider,handle_like}', 2,
  'device', null, 65, 'EMAIL_ADDRESS', '{strict}'
),
(1, 'url_like', 'contact', '{url_like}', 0, null, null, 70, 'LINK', '{strict,name}'),
(1, 'app_slash', 'contact', '{app,slash}', 1, null, null, 70, 'LINK', '{strict,listing,name}'),
(1, 'app_dot', 'contact', '{app,dot,tight_tld}', 0, null, null, 72, 'LINK', '{strict}'),
(
  1, 'app_link', 'contact', '{app,tight_dot,tight_tld,slash}', 0,
  null, null, 75, 'LINK', '{listing}'
),
(
  1, 'host_link', 'contact', '{linkhost,tight_dot,tight_tld,slash}', 0,
  null, null, 75, 'LINK', '{listing}'
),
(
  1, 'host_link_short', 'contact', '{linkhost,tight_dot,path_tld,slash}', 0,
  null, null, 75, 'LINK', '{listing}'
),
(1, 'host_slash', 'contact', '{linkhost,slash}', 0, null, null, 70, 'LINK', '{strict}'),
(
  1, 'handle', 'contact', '{handle_sign}', 0,
  'place_cue', null, 70, 'SOCIAL_HANDLE', '{strict,listing,name}'
),
(
  1, 'app_handle', 'contact', '{app,handle_like}', 8,
  null, null, 72, 'SOCIAL_HANDLE', '{strict,listing,name}'
),
(
  1, 'handle_app', 'contact', '{handle_like,app}', 3,
  null, null, 72, 'SOCIAL_HANDLE', '{strict,listing}'
),
(
  1, 'app_colon', 'contact', '{app,colon}', 1,
  null, null, 70, 'SOCIAL_HANDLE', '{strict,listing}'
),
(
  1, 'app_is', 'contact', '{app,is}', 0,
  'device', 'app_safe', 65, 'SOCIAL_HANDLE', '{strict,listing}'
),
(
  1, 'app_cue', 'contact', '{app,handle_cue}', 2,
  null, 'app_safe', 65, 'SOCIAL_HANDLE', '{strict,listing}'
),
(
  1, 'cue_app', 'contact', '{handle_cue,app}', 4,
  null, 'app_safe', 65, 'SOCIAL_HANDLE', '{strict}'
),
(
  1, 'my_app_is', 'contact', '{my,app,is}', 1,
  null, null, 70, 'SOCIAL_HANDLE', '{strict,listing}'
),
(
  1, 'find_app', 'contact', '{find,on,app}', 5,
  'seen', 'app_safe', 65, 'SOCIAL_HANDLE', '{strict,listing}'
),
(
  1, 'app_names', 'contact', '{app,names}', 3,
  null, 'app_safe', 65, 'SOCIAL_HANDLE', '{strict}'
),
(
  1, 'network_handle', 'contact', '{network,handle_like}', 6,
  null, null, 65, 'SOCIAL_HANDLE', '{strict,listing}'
),
(
  1, 'handle_network', 'contact', '{handle_like,network}', 3,
  null, null, 65, 'SOCIAL_HANDLE', '{strict}'
),
(
  1, 'network_colon', 'contact', '{network,colon}', 0,
  null, null, 65, 'SOCIAL_HANDLE', '{strict,listing}'
),
(
  1, 'network_slash', 'contact', '{network,slash}', 1,
  null, null, 65, 'SOCIAL_HANDLE', '{strict}'
),
(
  1, 'app_unknown', 'contact', '{app,unknown}', 1,
  'seen', 'device', 62, 'SOCIAL_HANDLE', '{strict}'
),
(
  1, 'unknown_on_app', 'contact', '{unknown,on,app}', 0,
  'seen', 'device', 62, 'SOCIAL_HANDLE', '{strict}'
),
(
  1, 'my_network', 'contact', '{my,network,is}', 1,
  'device', null, 65, 'SOCIAL_HANDLE', '{strict,listing}'
),
(
  1, 'my_network_unknown', 'contact', '{my,network,unknown}', 0,
  'device', null, 65, 'SOCIAL_HANDLE', '{strict,listing}'
),
(
  1, 'my_network_only', 'proposal', '{my,weak_app}', 0,
  'device', null, 40, 'CHAT_APP', '{strict}'
),
(
  1, 'network_cue', 'contact', '{network,handle_cue}', 1,
  null, null, 62, 'SOCIAL_HANDLE', '{strict}'
),
(
  1, 'findme_app', 'contact', '{findme,app}', 5,
  null, 'app_safe', 65, 'SOCIAL_HANDLE', '{strict,listing}'
),
(
  1, 'weak_app_handle', 'contact', '{weak_app,handle_like}', 2,
  null, null, 65, 'SOCIAL_HANDLE', '{strict}'
),
(
  1, 'handle_weak_app', 'contact', '{handle_like,on,weak_app}', 0,
  null, null, 65, 'SOCIAL_HANDLE', '{strict}'
),
(1, 'app_name', 'contact', '{name_word}', 0, null, null, 65, 'CHAT_APP', '{name}'),
(1, 'app_person', 'proposal', '{app,person}', 4, 'seen', 'device', 40, 'CHAT_APP', '{strict}'),
(1, 'person_app', 'proposal', '{person,app}', 4, 'seen', 'device', 40, 'CHAT_APP', '{strict}'),
(1, 'on_app', 'proposal', '{on,app}', 1, 'seen', 'device', 40, 'CHAT_APP', '{strict}'),
(1, 'have_app', 'proposal', '{have,app}', 1, null, 'device', 40, 'CHAT_APP', '{strict}'),
(1, 'talk_app', 'proposal', '{talk,app}', 5, null, 'device', 40, 'CHAT_APP', '{strict}'),
(
  1, 'talk_on_weak_app', 'proposal', '{talk,on,weak_app}', 3,
  null, null, 40, 'CHAT_APP', '{strict}'
),
(
  1, 'call_me', 'proposal', '{call_me}', 0,
  'neg', 'call_safe', 40, 'CONTACT_PROPOSAL', '{strict}'
),
(
  1, 'give_call', 'proposal', '{give,call_noun}', 3,
  null, null, 40, 'CONTACT_PROPOSAL', '{strict}'
),
(
  1, 'your_number', 'proposal', '{your_number}', 0,
  'neg', null, 40, 'CONTACT_PROPOSAL', '{strict}'
),
(
  1, 'call_thing', 'proposal', '{call_thing,call_verb}', 3,
  'neg', null, 40, 'CONTACT_PROPOSAL', '{strict}'
),
(
  1, 'have_weak_app', 'proposal', '{have,have_weak}', 1,
  null, null, 40, 'CHAT_APP', '{strict}'
),
(
  1, 'elsewhere', 'proposal', '{talk,elsewhere}', 5,
  null, null, 40, 'CONTACT_PROPOSAL', '{strict}'
),
(
  1, 'pay_app', 'payment', '{pay_app}', 0,
  'neg', 'pay_safe', 45, 'PAYMENT_OUTSIDE', '{strict,order}'
),
(
  1, 'whynot_pay_app', 'payment', '{whynot,pay_app}', 5,
  null, null, 45, 'PAYMENT_OUTSIDE', '{strict,order}'
),
(1, 'payid_listing', 'payment', '{payid}', 0, null, null, 75, 'PAYID', '{listing}'),
(
  1, 'pay_app_mobile', 'payment', '{pay_app,mobile}', 10,
  null, null, 80, 'PAYID', '{strict,order,listing}'
),
(
  1, 'mobile_pay_app', 'payment', '{mobile,pay_app}', 8,
  null, null, 80, 'PAYID', '{strict,order,listing}'
),
(
  1, 'pay_app_described', 'payment', '{pay_app,described_mobile}', 10,
  null, null, 80, 'PAYID', '{strict,order,listing}'
),
(
  1, 'pay_app_landline', 'payment', '{pay_app,landline}', 10,
  null, null, 80, 'PAYID', '{strict,order,listing}'
),
(
  1, 'pay_app_digits', 'payment', '{pay_app,account_digits}', 8,
  null, null, 80, 'PAYID', '{strict,order,listing}'
),
(
  1, 'digits_pay_app', 'payment', '{account_digits,pay_app}', 6,
  null, null, 80, 'PAYID', '{strict,order,listing}'
),
(
  1, 'pay_app_bare', 'payment', '{pay_app,bare_mobile}', 10,
  null, null, 80, 'PAYID', '{strict,order,listing}'
),
(
  1, 'pay_app_abn', 'payment', '{pay_app,abn_digits}', 8,
  null, null, 80, 'ABN_PAYEE', '{strict,order,listing}'
),
(
  1, 'abn_pay_app', 'payment', '{abn_digits,pay_app}', 8,
  null, null, 80, 'ABN_PAYEE', '{strict,order,listing}'
),
(
  1, 'pay_app_email', 'payment', '{pay_app,at_sign}', 10,
  null, null, 80, 'PAYID', '{strict,order,listing}'
),
(
  1, 'email_pay_app', 'payment', '{at_sign,pay_app}', 8,
  null, null, 80, 'PAYID', '{strict,order,listing}'
),
(
  1, 'pay_app_at_provider', 'payment', '{pay_app,provider}', 10,
  null, null, 80, 'PAYID', '{strict,order,listing}'
),
(
  1, 'pay_app_weak_provider', 'payment', '{pay_app,weak_provider}', 8,
  null, null, 80, 'PAYID', '{strict,order,listing}'
),
(
  1, 'provider_pay_app', 'payment', '{provider,pay_app}', 8,
  null, null, 80, 'PAYID', '{strict,order,listing}'
),
(
  1, 'pay_app_domain', 'payment', '{pay_app,dot,tld}', 8,
  null, null, 80, 'PAYID', '{strict,order,listing}'
),
(
  1, 'pay_app_me', 'payment', '{pay_app,tight_dot,path_tld}', 0,
  null, null, 80, 'PAYMENT_OUTSIDE', '{strict,order,listing}'
),
(
  1, 'pay_app_colon', 'payment', '{pay_app,colon}', 1,
  null, null, 75, 'PAYID', '{strict,order}'
),
(
  1, 'pay_app_handle', 'payment', '{pay_app,handle_like}', 6,
  null, null, 80, 'PAYID', '{strict,order}'
),
(
  1, 'pay_app_sign', 'payment', '{pay_app,handle_sign}', 6,
  null, null, 80, 'PAYID', '{strict,order}'
),
(1, 'bank', 'payment', '{bank}', 0, 'neg', 'bank_safe', 45, 'BANK_TRANSFER', '{strict,order}'),
(
  1, 'bsb_account', 'payment', '{bsb_account}', 0,
  'id_cue', null, 85, 'BANK_ACCOUNT', '{strict,order,listing}'
),
(
  1, 'bank_account', 'payment', '{bank,bank_account}', 8,
  null, null, 85, 'BANK_ACCOUNT', '{strict,order,listing}'
),
(
  1, 'pay_bank_account', 'payment', '{pay,bank_account}', 6,
  null, null, 85, 'BANK_ACCOUNT', '{strict,order,listing}'
),
(
  1, 'split_account', 'payment', '{account_digits,account_cue,account_digits}', 2,
  null, null, 85, 'BANK_ACCOUNT', '{strict,order,listing}'
),
(
  1, 'bsb_word_account', 'payment', '{bsb,bank_account}', 4,
  null, null, 90, 'BANK_ACCOUNT', '{strict,order,listing}'
),
(
  1, 'bsb_digits', 'payment', '{bsb,account_digits}', 5,
  null, null, 85, 'BANK_ACCOUNT', '{strict,order,listing}'
),
(
  1, 'digits_bsb', 'payment', '{account_digits,bsb}', 3,
  null, null, 80, 'BANK_ACCOUNT', '{strict,order}'
),
(
  1, 'account_digits', 'payment', '{account_cue,account_digits}', 5,
  'id_cue', null, 80, 'BANK_ACCOUNT', '{strict,order}'
),
(
  1, 'account_long', 'payment', '{account_cue,abn_digits}', 4,
  'id_cue', null, 75, 'BANK_ACCOUNT', '{strict,order}'
),
(
  1, 'bank_digits', 'payment', '{bank,account_digits}', 10,
  'id_cue', null, 80, 'BANK_ACCOUNT', '{strict,order}'
),
(
  1, 'bank_name_account', 'payment', '{bank_name,bank_account}', 5,
  null, null, 85, 'BANK_ACCOUNT', '{strict,order}'
),
(
  1, 'pay_app_account', 'payment', '{pay_app,bank_account}', 8,
  null, null, 85, 'BANK_ACCOUNT', '{strict,order,listing}'
),
(
  1, 'bank_name_digits', 'payment', '{bank_name,account_digits}', 5,
  null, null, 80, 'BANK_ACCOUNT', '{strict,order}'
),
(
  1, 'pay_digits', 'payment', '{pay,account_digits}', 6,
  'id_cue', null, 75, 'BANK_ACCOUNT', '{strict,order}'
),
(
  1, 'abn_payee', 'payment', '{pay,abn,abn_digits}', 6,
  null, null, 80, 'ABN_PAYEE', '{strict,order}'
),
(
  1, 'abn_payee_after', 'payment', '{abn,abn_digits,pay}', 8,
  null, null, 80, 'ABN_PAYEE', '{strict,order}'
),
(
  1, 'pay_abn_digits', 'payment', '{pay,abn_digits}', 5,
  'id_cue', null, 75, 'ABN_PAYEE', '{strict,order}'
),
(
  1, 'abn_bank', 'payment', '{abn,abn_digits,bank}', 8,
  null, null, 80, 'ABN_PAYEE', '{strict,order}'
),
(
  1, 'bank_abn', 'payment', '{bank,abn_digits}', 8,
  null, null, 80, 'ABN_PAYEE', '{strict,order}'
),
(1, 'pay_mobile', 'payment', '{pay,to,mobile}', 4, null, null, 75, 'PAYID', '{strict,order}'),
(1, 'card', 'payment', '{card}', 0, null, null, 90, 'CARD_NUMBER', '{strict,order,listing}'),
(
  1, 'card_solid', 'payment', '{card_solid}', 0,
  'id_cue', null, 90, 'CARD_NUMBER', '{strict,order,listing}'
),
(1, 'wallet', 'payment', '{wallet}', 0, null, null, 80, 'CRYPTO', '{strict,order}'),
(
  1, 'eth_name', 'payment', '{tight_dot,eth_tld}', 0,
  null, null, 80, 'CRYPTO', '{strict,order}'
),
(
  1, 'crypto_code', 'payment', '{crypto,long_code}', 6,
  null, null, 80, 'CRYPTO', '{strict,order}'
),
(
  1, 'wallet_code', 'payment', '{wallet_cue,long_code}', 4,
  null, null, 80, 'CRYPTO', '{strict,order}'
),
(
  1, 'crypto', 'proposal', '{pay_verb,crypto}', 4,
  'neg', 'crypto_safe', 40, 'CRYPTO', '{strict,order}'
),
(
  1, 'crypto_after', 'proposal', '{crypto,pay_verb}', 4,
  'neg', 'crypto_safe', 40, 'CRYPTO', '{strict,order}'
),
(
  1, 'cashtag', 'payment', '{pay_app,cashtag}', 2,
  null, null, 80, 'PAYMENT_OUTSIDE', '{strict,order}'
),
(
  1, 'remit', 'payment', '{remit,remit_cue}', 6,
  'neg', 'pay_safe', 70, 'PAYMENT_OUTSIDE', '{strict,order}'
),
(1, 'gift_code', 'payment', '{gift,code}', 14, 'neg', null, 75, 'GIFT_CARD', '{strict,order}'),
(1, 'code_gift', 'payment', '{code,gift}', 8, 'neg', null, 75, 'GIFT_CARD', '{strict,order}'),
(1, 'gift', 'proposal', '{pay_verb,gift}', 4, 'neg', null, 45, 'GIFT_CARD', '{strict,order}'),
(
  1, 'gift_after', 'proposal', '{gift,pay_verb}', 4,
  'neg', null, 45, 'GIFT_CARD', '{strict,order}'
),
(1, 'cash', 'proposal', '{cash}', 0, 'neg', 'cash_safe', 40, 'CASH', '{strict,order}'),
(1, 'offsite', 'proposal', '{offsite}', 0, 'neg', null, 45, 'OFF_PLATFORM', '{strict,order}'),
(
  1, 'hand_money', 'proposal', '{hand,money}', 5,
  'neg', 'cash_safe', 40, 'CASH', '{strict,order}'
),
(
  1, 'not_site', 'proposal', '{neg,use_word,checkout}', 3,
  null, null, 40, 'OFF_PLATFORM', '{strict,order}'
),
(
  1, 'instead_site', 'proposal', '{instead,checkout}', 5,
  null, null, 40, 'OFF_PLATFORM', '{strict,order}'
),
(
  1, 'outside_site', 'proposal', '{outside,site}', 2,
  'neg', null, 45, 'OFF_PLATFORM', '{strict,order}'
),
(
  1, 'avoid_fee', 'proposal', '{avoid,fee}', 5,
  null, 'fee_safe', 45, 'OFF_PLATFORM', '{strict,order}'
),
(
  1, 'deal_direct', 'proposal', '{deal,direct}', 4,
  null, 'direct_safe', 45, 'OFF_PLATFORM', '{strict,order}'
),
(
  1, 'direct_deal', 'proposal', '{direct,deal}', 1,
  null, 'direct_safe', 45, 'OFF_PLATFORM', '{strict,order}'
),
(
  1, 'cancel_direct', 'proposal', '{cancel,direct}', 10,
  null, null, 45, 'OFF_PLATFORM', '{strict,order}'
),
(1, 'name_digits', 'contact', '{seven_digits}', 0, null, null, 65, 'PHONE_NUMBER', '{name}')
on conflict do nothing;

create or replace function private.display_name_refusal(p_name text)
returns text
language plpgsql
stable
set search_path = ''
as $$
begin
  -- A name may contain no blank but the space, no joiner and no variation selector. So names that
  -- look alike are equal.
  if
    coalesce(
      octet_length(p_name) > 160
      or char_length(p_name) > 40
      or p_name <> private.plain_line(p_name)
      or private.visible_length(p_name) < 3
      or p_name collate "C"
      ~ '[\u00a0\u1680\u2000-\u200d\u202f\u205f\u2800\u3000\ufe00-\ufe0f\U000e0100-\U000e01ef]',
      true
    )
  then
    return 'Display name must be 3 to 40 visible characters';
  end if;
  -- The default name has six hexadecimal digits, which can look like a phone number.
  if
    p_name collate "C" !~ '^(member|deleted)-[0-9a-f]{6}$'
    and cardinality(private.filter_findings(p_name, 'name')) > 0
  then
    return 'Display name must not contain contact details';
  end if;
  return null;
end;
$$;

create or replace function private.add_dispute_message(
  p_dispute_id uuid, p_content text, p_is_internal boolean, p_client_request_id uuid
)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_answer jsonb := private.begin_request('add_dispute_message', p_client_request_id);
  v_content constant text := private.plain_text(p_content, 1000);
  v_dispute public.disputes;
  v_message_id uuid;
begin
  if v_answer is not null then
    return v_answer;
  end if;
  select * into v_dispute from public.disputes where id = p_dispute_id;
  v_answer := coalesce(
    private.dispute_writer_refusal(v_dispute, coalesce(p_is_internal, false)),
    case
      when coalesce(private.visible_length(v_content), 0) < 1 or char_length(v_content) > 1000
        then private.refusal('VALIDATION_ERROR', 'A message has 1 to 1000 characters')
    end,
    -- Staff may quote the details that a party wrote elsewhere.
    case when not private.is_staff() then private.payment_text_refusal('content', v_content) end,
    private.use_rate_limit('add_dispute_message')
  );
  if v_answer is null then
    insert into public.dispute_messages (
      dispute_id, sender_id, message_type, content, is_internal
    )
    values (
      p_dispute_id, auth.uid(),
      case
        when auth.uid() in (v_dispute.initiator_id, v_dispute.respondent_id) then 'user'
        else 'admin'
      end::public.dispute_message_type,
      v_content, coalesce(p_is_internal, false)
    )
    returning id into v_message_id;
    v_answer := jsonb_build_object('success', true, 'message_id', v_message_id);
  end if;
  return private.finish_request(p_client_request_id, v_answer);
end;
$$;

create or replace function private.open_dispute(
  p_order_id uuid, p_dispute_type text, p_reason text, p_description text,
  p_client_request_id uuid
)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_answer jsonb := private.begin_request('open_dispute', p_client_request_id);
  v_order public.orders;
  v_dispute public.disputes;
begin
  if v_answer is not null then
    return v_answer;
  end if;
  -- Check the caller before locking, so another user's calls cannot delay the order.
  select * into v_order from public.orders where id = p_order_id;
  v_answer := private.disputant_refusal(v_order);
  if v_answer is null then
    select * into v_order from public.orders where id = p_order_id for update;
    v_dispute := private.new_dispute(v_order, p_dispute_type, p_reason, p_description);
    v_answer := coalesce(
      private.new_dispute_refusal(v_order, v_dispute),
      private.payment_text_refusal('reason', v_dispute.reason),
      private.payment_text_refusal('description', v_dispute.description),
      -- Count the call last, so that the person may try again after a mistake.
      private.use_rate_limit('open_dispute'),
      private.store_dispute(v_order, v_dispute)
    );
  end if;
  return private.finish_request(p_client_request_id, v_answer);
end;
$$;

create or replace function private.weak_shapes(p_digits text, p_starts integer[])
returns private.filter_mark[]
language plpgsql
immutable
set search_path = ''
as $$
begin
  return private.shape_marks(
    p_digits, p_starts, '{backwards,bare_mobile,bare_digits,bare_landline,short_number}',
    '[ |](?:((?:[0-9][ ~,^.-]*){8}(?:4[ ~,^.-]*0|4[ ~,^.-]*1[ ~,^.-]*6))'
    '|(4[0-9]{8}|4(?: +[0-9]){8}|4[0-9]{2}[ .-]+[0-9]{3}[ .-]+[0-9]{3}|4[0-9]{2}[ .-]+[0-9]{6})'
    '|(4(?:[ ,^.-]*[0-9]){8})'
    '|([3-9][0-9]{3} +(?:[03-9][0-9]{3}|1[0-8][0-9]{2}|2[1-9][0-9]{2}))'
    '|(1[ ,]*3(?:[ ,]*[0-9]){4}))[ |,.-]'
  ) || private.shape_marks(
    p_digits, p_starts, '{card_solid,card,bsb_account,bank_account,abn_digits,account_digits}',
    '[ |,](?:([2-6][0-9]{15}|3[47][0-9]{13})'
    '|([2-6](?:[ .-]*[0-9]){15}|3[ .-]*[47](?:[ .-]*[0-9]){13})'
    '|([0-9]{3}- *[0-9]{3}[ ,]+[0-9](?:[ .-]*[0-9]){5,9})'
    '|((?:[0-9][ ,^.-]*){6} [0-9](?:[ ^.-]*[0-9]){5,9})'
    '|([0-9](?:[ .-]*[0-9]){10})'
    '|([0-9](?:[ ^-]*[0-9]){5,9}))[ |,^]'
  ) || private.shape_marks(
    p_digits, p_starts, '{seven_digits}', '[ |,^]([0-9](?:[ ^.,-]*[0-9]){6,})[ |,^]'
  );
end;
$$;

create function private.contact_text_refusal(p_title text, p_description text)
returns jsonb
language plpgsql
stable
set search_path = ''
as $$
declare
  v_finding private.filter_finding;
  v_after_title constant integer := char_length(p_title) + 1;
begin
  -- One text, because a number may begin in the title and end in the description.
  select hit.* into v_finding
  from unnest(private.filter_findings(p_title || E'\n' || p_description, 'listing')) as hit
  order by hit.start_at, hit.score desc
  limit 1;
  if v_finding.rule is null then
    return null;
  end if;
  return private.refusal(
    'CONTACT_IN_TEXT', 'A listing cannot have contact or payment details in its texts'
  ) || case
    when v_finding.start_at < v_after_title
      then jsonb_build_object(
        'field', 'title', 'start', v_finding.start_at,
        'end', least(v_finding.end_at, v_after_title - 1)
      )
    else
      jsonb_build_object(
        'field', 'description', 'start', v_finding.start_at - v_after_title,
        'end', v_finding.end_at - v_after_title
      )
  end;
end;
$$;

comment on function private.contact_text_refusal is 'Return the refusal of a listing whose texts hold a contact or payment detail, with its span in the cleaned text, or null.';

create function private.payment_text_refusal(p_field text, p_text text)
returns jsonb
language plpgsql
stable
set search_path = ''
as $$
declare
  v_finding private.filter_finding;
begin
  select hit.* into v_finding
  from unnest(private.filter_findings(p_text, 'order')) as hit
  where hit.score >= private.setting('filter_mask')::integer
  order by hit.start_at, hit.score desc
  limit 1;
  if v_finding.rule is null then
    return null;
  end if;
  return private.refusal('PAYMENT_IN_TEXT', 'This text cannot have payment details')
    || jsonb_build_object('field', p_field, 'start', v_finding.start_at, 'end', v_finding.end_at);
end;
$$;

comment on function private.payment_text_refusal is 'Return the refusal of a text that holds details for a payment outside the site, with its span in the cleaned text, or null. Other words about payment pass.';

create or replace function private.save_shipment(
  p_order_id uuid, p_user_id uuid, p_carrier text, p_tracking text, p_label_url text
)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_carrier constant text := private.plain_line(p_carrier, 64);
  v_tracking constant text := private.plain_line(p_tracking, 64);
  v_label_url constant text := nullif(btrim(p_label_url), '');
  v_order public.orders;
  v_refusal jsonb;
  v_shipment public.shipments;
begin
  select * into v_order from public.orders where id = p_order_id for update;
  v_refusal := coalesce(
    private.shipper_refusal(v_order, p_user_id),
    private.shipment_refusal(v_carrier, v_tracking, v_label_url),
    private.payment_text_refusal('carrier', v_carrier),
    private.tracking_refusal(v_tracking),
    private.shipping_refusal(v_order)
  );
  if v_refusal is not null then
    return v_refusal;
  end if;
  insert into public.shipments (order_id, carrier, tracking, label_url)
  values (p_order_id, v_carrier, v_tracking, v_label_url)
  on conflict (order_id) do update
  set
    carrier = excluded.carrier, tracking = excluded.tracking, label_url = excluded.label_url
  returning * into v_shipment;
  perform private.transition_order(p_order_id, 'shipped', p_user_id, 'seller', 'shipment_saved');
  return jsonb_build_object('success', true, 'shipment', to_jsonb(v_shipment));
end;
$$;

create function private.tracking_refusal(p_tracking text)
returns jsonb
language plpgsql
stable
set search_path = ''
as $$
declare
  v_label constant text := 'tracking number ';
  v_refusal constant jsonb := private.payment_text_refusal('tracking', v_label || p_tracking);
begin
  -- After the label the filter takes a row of digits for no card number.
  return v_refusal || jsonb_build_object(
    'start', greatest((v_refusal ->> 'start')::integer - char_length(v_label), 0),
    'end', (v_refusal ->> 'end')::integer - char_length(v_label)
  );
end;
$$;

comment on function private.tracking_refusal is 'Return the refusal of a tracking number with details for a payment, or null.';

create or replace function private.add_shipment_event(
  p_order_id uuid, p_user_id uuid, p_event_id uuid, p_status text, p_description text,
  p_location text, p_event_time text
)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_status constant text := private.plain_line(p_status, 64);
  v_description constant text := private.plain_text(coalesce(p_description, ''), 512);
  v_location constant text := private.plain_line(coalesce(p_location, ''), 128);
  v_order public.orders;
  v_shipment public.shipments;
  v_event public.shipment_events;
  v_now timestamptz;
  v_event_time timestamptz;
  v_refusal jsonb;
begin
  select * into v_order from public.orders where id = p_order_id for update;
  select * into v_shipment from public.shipments where order_id = p_order_id;
  v_now := private.clock();
  v_event_time := case
    when p_event_time is null then v_now else private.time_or_null(p_event_time)
  end;
  v_refusal := coalesce(
    private.shipper_refusal(v_order, p_user_id),
    case when v_shipment.id is null
      then private.refusal('RESOURCE_NOT_FOUND', 'This order has no shipment yet')
    end,
    private.shipment_event_refusal(v_status, v_description, v_location, v_event_time, v_now),
    private.payment_text_refusal('description', v_description),
    private.payment_text_refusal('location', v_location)
  );
  if v_refusal is not null then
    return v_refusal;
  end if;
  insert into public.shipment_events (
    id, shipment_id, status, description, location, event_time
  )
  values (
    p_event_id, v_shipment.id, v_status, nullif(v_description, ''), nullif(v_location, ''),
    v_event_time
  )
  -- The service repeats a call whose answer was lost.
  on conflict (id) do nothing;
  if found then
    perform private.follow_parcel(v_order, v_shipment.id, lower(v_status), v_event_time);
  end if;
  select * into v_event from public.shipment_events
  where id = p_event_id and shipment_id = v_shipment.id;
  return jsonb_build_object('success', true, 'event', to_jsonb(v_event));
end;
$$;

create or replace function private.change_listing(p_listing_id uuid, p_changes jsonb)
returns jsonb
language plpgsql
set search_path = ''
as $$
declare
  v_auction public.auctions;
  v_listing public.listings;
  v_private private.listing_private;
  v_seller public.users;
  v_now timestamptz;
  v_refusal jsonb;
begin
  -- Check the owner before locking, so another user's calls cannot delay bidders.
  perform from public.listings where id = p_listing_id and seller_id = auth.uid();
  if not found then
    return private.refusal('LISTING_NOT_FOUND', 'Listing not found');
  end if;
  v_refusal := coalesce(
    private.use_rate_limit('update_listing'), private.changes_refusal(p_changes)
  );
  if v_refusal is not null then
    return v_refusal;
  end if;
  -- Take the lock of place_bid too. A bid reads the reserve in the statement that waits for the
  -- row, so with the row lock alone a waiting bid would use the old reserve.
  perform pg_advisory_xact_lock(hashtextextended(id::text, 0)) from public.auctions
  where listing_id = p_listing_id;
  select * into v_auction from public.auctions where listing_id = p_listing_id for no key update;
  select * into v_listing from public.listings where id = p_listing_id for no key update;
  v_now := private.clock();
  if v_listing.status <> 'scheduled' or v_listing.start_at <= v_now then
    return private.refusal('LISTING_NOT_SCHEDULED', 'A listing cannot change once it has started');
  end if;
  select * into v_private from private.listing_private where listing_id = p_listing_id;
  select * into v_seller from public.users where id = v_listing.seller_id;

  v_refusal := private.seller_refusal(v_seller);
  if v_refusal is null then
    v_listing := private.changed_listing(v_listing, p_changes, v_now);
    v_private := private.changed_private(v_private, p_changes);
    v_refusal := coalesce(
      private.listing_refusal(v_listing, v_private.reserve_cents, v_private.street, v_now),
      private.contact_text_refusal(v_listing.title, v_listing.description)
    );
  end if;
  if v_refusal is not null then
    return v_refusal;
  end if;
  perform private.store_change(v_auction, v_listing, v_private);
  return jsonb_build_object('success', true, 'listing', to_jsonb(v_listing));
end;
$$;

create or replace function private.offer(
  p_listing public.listings, p_start_at timestamptz, p_end_at timestamptz, p_reserve_cents bigint,
  p_street text
)
returns jsonb
language plpgsql
set search_path = ''
as $$
declare
  v_listing public.listings := p_listing;
  v_seller public.users;
  v_now timestamptz;
  v_refusal jsonb;
  v_auction_id uuid;
begin
  select * into v_seller from public.users where id = v_listing.seller_id;
  v_now := private.clock();
  v_listing.start_at := greatest(p_start_at, v_now);
  v_listing.end_at := coalesce(
    p_end_at,
    v_listing.start_at + private.setting('listing_default_days')::integer * interval '24 hours'
  );
  v_refusal := coalesce(
    private.seller_refusal(v_seller),
    private.listing_refusal(v_listing, p_reserve_cents, p_street, v_now),
    private.contact_text_refusal(v_listing.title, v_listing.description)
  );
  -- Count the call last, so that the seller may try again after a mistake.
  v_refusal := coalesce(v_refusal, private.use_rate_limit('create_listing'));
  if v_refusal is not null then
    return v_refusal;
  end if;

  v_listing.id := gen_random_uuid();
  v_listing.status := case when v_listing.start_at > v_now then 'scheduled' else 'live' end;
  v_listing.bid_count := 0;
  v_listing.created_at := v_now;
  v_listing.updated_at := v_now;
  insert into public.listings select v_listing.*;
  insert into private.listing_private (listing_id, reserve_cents, street)
  values (v_listing.id, p_reserve_cents, p_street);
  v_auction_id := private.open_auction(v_listing, p_reserve_cents is null, v_now);
  return jsonb_build_object(
    'success', true, 'listing', to_jsonb(v_listing), 'auction_id', v_auction_id
  );
end;
$$;

comment on function public.open_dispute is 'Open a dispute about an order, as its buyer or seller: {success, dispute_id}. The order is disputed until staff decide. dispute_type is item_not_received, item_not_as_described, damaged_item, wrong_item or other. Refusals: RESOURCE_NOT_FOUND, FORBIDDEN, USER_SUSPENDED, VALIDATION_ERROR, PAYMENT_IN_TEXT (with field, start, end), CONFLICT (the order is not between payment and release, or a refund or a dispute is open), RATE_LIMITED, REQUEST_ID_REUSED, PROFILE_NOT_FOUND. Raises FILTER_REFUSED.';

comment on function public.add_dispute_message is 'Write a message about a dispute, as a party or staff: {success, message_id}. Only staff write and read internal messages. Refusals: RESOURCE_NOT_FOUND, FORBIDDEN, USER_SUSPENDED, CONFLICT (the dispute is decided), VALIDATION_ERROR, PAYMENT_IN_TEXT (with field, start, end; never for staff), RATE_LIMITED, REQUEST_ID_REUSED, PROFILE_NOT_FOUND. Raises FILTER_REFUSED.';

comment on function public.save_shipment is 'Save the parcel of an order as its seller: {success, shipment}. The first save moves a paid order to shipped, later ones edit. An empty label_url is null. Refusals: RESOURCE_NOT_FOUND, FORBIDDEN, VALIDATION_ERROR (with field), PAYMENT_IN_TEXT (with field, start, end), CONFLICT.';

comment on function public.add_shipment_event is 'Add a step of a parcel as its seller: {success, event}. The caller makes event_id, so that a repeat adds nothing. event_time is text with an offset; null is the time of the call. accepted and in_transit set the first scan. delivered moves a shipped order to delivered. Refusals: RESOURCE_NOT_FOUND (also without a shipment), FORBIDDEN, VALIDATION_ERROR (with field), PAYMENT_IN_TEXT (with field, start, end).';

comment on function public.update_listing is 'Change a listing of the caller before it starts; changes holds arguments of create_listing. Answers success, listing. Refusals: PROFILE_NOT_FOUND, RATE_LIMITED, LISTING_NOT_FOUND, LISTING_NOT_SCHEDULED, VALIDATION_ERROR (with field), CONTACT_IN_TEXT (with field, start, end), USER_SUSPENDED, KYC_REQUIRED, SELLER_REQUIRED, REQUEST_ID_REUSED. Raises FILTER_REFUSED.';

comment on function public.create_listing is 'Offer an item by auction, now or from start_at on. Times are text in ISO 8601 with an offset; another form is a VALIDATION_ERROR. Answers success, listing, auction_id. Refusals: PROFILE_NOT_FOUND, USER_SUSPENDED, KYC_REQUIRED, SELLER_REQUIRED, VALIDATION_ERROR (with field), CONTACT_IN_TEXT (with field, start, end), RATE_LIMITED, REQUEST_ID_REUSED. Raises FILTER_REFUSED.';
