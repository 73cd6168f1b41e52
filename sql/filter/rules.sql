insert into private.filter_rules (
  rule_version, rule, kind, pattern, gap, unless, unless_near, weight, reason_code, stage
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
  1, 'mobile_parts', 'contact', '{mobile_parts}', 0,
  'id_cue', null, 68, 'PHONE_NUMBER', '{strict,listing}'
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
  'compound', 'provider_safe', 65, 'EMAIL_ADDRESS', '{strict,name}'
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
(1, 'host_slash', 'contact', '{link_word,slash}', 0, null, null, 70, 'LINK', '{strict}'),
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
  1, 'app_is', 'contact', '{app,is}', 1,
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
(1, 'on_app_as', 'contact', '{on,app,as}', 3, 'seen', null, 62, 'SOCIAL_HANDLE', '{strict}'),
(
  1, 'on_network_as', 'contact', '{on,network,as}', 3,
  'seen', null, 62, 'SOCIAL_HANDLE', '{strict}'
),
(
  1, 'network_shop', 'contact', '{find,network,unknown}', 3,
  'seen', 'device', 62, 'SOCIAL_HANDLE', '{strict}'
),
(
  1, 'app_person_unknown', 'contact', '{app,person,unknown}', 2,
  'seen', 'device', 62, 'SOCIAL_HANDLE', '{strict}'
),
(
  1, 'on_weak_app_person', 'contact', '{on,weak_app,person,unknown}', 1,
  'seen', 'device', 62, 'SOCIAL_HANDLE', '{strict}'
),
(
  1, 'network_slash', 'contact', '{network,slash}', 1,
  null, null, 65, 'SOCIAL_HANDLE', '{strict}'
),
(
  1, 'my_app_unknown', 'contact', '{my,app,unknown}', 3,
  'seen', 'device', 62, 'SOCIAL_HANDLE', '{strict}'
),
(
  1, 'talk_unknown_weak_app', 'contact', '{talk,unknown,on,weak_app}', 1,
  null, null, 62, 'SOCIAL_HANDLE', '{strict}'
),
(
  1, 'app_unknown', 'contact', '{app,unknown}', 1,
  'compound', 'device', 62, 'SOCIAL_HANDLE', '{strict}'
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
(
  1, 'app_person', 'proposal', '{app,person}', 4,
  'app_not', 'device', 40, 'CHAT_APP', '{strict}'
),
(
  1, 'person_app', 'proposal', '{person,app}', 4,
  'app_not', 'device', 40, 'CHAT_APP', '{strict}'
),
(1, 'on_app', 'proposal', '{on,app}', 1, 'app_not', 'device', 40, 'CHAT_APP', '{strict}'),
(1, 'have_app', 'proposal', '{have,app}', 1, 'app_not', 'device', 40, 'CHAT_APP', '{strict}'),
(1, 'talk_app', 'proposal', '{talk,app}', 5, 'app_not', 'device', 40, 'CHAT_APP', '{strict}'),
(
  1, 'talk_on_weak_app', 'proposal', '{talk,on,weak_app}', 3,
  'app_not', null, 40, 'CHAT_APP', '{strict}'
),
(
  1, 'call_me', 'proposal', '{call_me}', 0,
  'neg', 'call_safe', 40, 'CONTACT_PROPOSAL', '{strict}'
),
(
  1, 'give_call', 'proposal', '{give,call_noun}', 3,
  'neg', null, 40, 'CONTACT_PROPOSAL', '{strict}'
),
(
  1, 'your_number', 'proposal', '{your_number}', 0,
  'neg', 'number_safe', 40, 'CONTACT_PROPOSAL', '{strict}'
),
(
  1, 'call_thing', 'proposal', '{call_thing,call_verb}', 3,
  'neg', null, 40, 'CONTACT_PROPOSAL', '{strict}'
),
(
  1, 'have_weak_app', 'proposal', '{have,have_weak}', 1,
  'app_not', null, 40, 'CHAT_APP', '{strict}'
),
(
  1, 'speak_phone', 'proposal', '{speak,on,phone_word}', 4,
  'neg', null, 40, 'CONTACT_PROPOSAL', '{strict}'
),
(
  1, 'elsewhere_talk', 'proposal', '{elsewhere,talk}', 3,
  'neg', null, 40, 'CONTACT_PROPOSAL', '{strict}'
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
  null, null, 80, 'PAYID', '{strict,order,listing,link,joined}'
),
(
  1, 'mobile_pay_app', 'payment', '{mobile,pay_app}', 8,
  null, null, 80, 'PAYID', '{strict,order,listing,link,joined}'
),
(
  1, 'pay_app_described', 'payment', '{pay_app,described_mobile}', 10,
  null, null, 80, 'PAYID', '{strict,order,listing,joined}'
),
(
  1, 'pay_app_landline', 'payment', '{pay_app,landline}', 10,
  null, null, 80, 'PAYID', '{strict,order,listing,joined}'
),
(
  1, 'pay_app_digits', 'payment', '{pay_app,account_digits}', 8,
  null, null, 80, 'PAYID', '{strict,order,listing,joined}'
),
(
  1, 'digits_pay_app', 'payment', '{account_digits,pay_app}', 6,
  null, null, 80, 'PAYID', '{strict,order,listing,joined}'
),
(
  1, 'pay_app_bare', 'payment', '{pay_app,bare_mobile}', 10,
  null, null, 80, 'PAYID', '{strict,order,listing,joined}'
),
(
  1, 'pay_app_abn', 'payment', '{pay_app,abn_digits}', 8,
  null, null, 80, 'ABN_PAYEE', '{strict,order,listing,joined}'
),
(
  1, 'abn_pay_app', 'payment', '{abn_digits,pay_app}', 8,
  null, null, 80, 'ABN_PAYEE', '{strict,order,listing,joined}'
),
(
  1, 'pay_app_email', 'payment', '{pay_app,at_sign}', 10,
  null, null, 80, 'PAYID', '{strict,order,listing,link,joined}'
),
(
  1, 'email_pay_app', 'payment', '{at_sign,pay_app}', 8,
  null, null, 80, 'PAYID', '{strict,order,listing,link,joined}'
),
(
  1, 'pay_app_at_provider', 'payment', '{pay_app,provider}', 10,
  null, null, 80, 'PAYID', '{strict,order,listing,joined}'
),
(
  1, 'pay_app_weak_provider', 'payment', '{pay_app,weak_provider}', 8,
  null, null, 80, 'PAYID', '{strict,order,listing,joined}'
),
(
  1, 'provider_pay_app', 'payment', '{provider,pay_app}', 8,
  null, null, 80, 'PAYID', '{strict,order,listing,joined}'
),
(
  1, 'pay_app_domain', 'payment', '{pay_app,dot,tld}', 8,
  null, null, 80, 'PAYID', '{strict,order,listing,link,joined}'
),
(
  1, 'pay_app_me', 'payment', '{pay_app,tight_dot,path_tld}', 0,
  null, null, 80, 'PAYMENT_OUTSIDE', '{strict,order,listing,link,joined}'
),
(
  1, 'pay_app_colon', 'payment', '{pay_app,colon}', 1,
  null, null, 75, 'PAYID', '{strict,order}'
),
(
  1, 'pay_app_handle', 'payment', '{pay_app,handle_like}', 6,
  null, null, 80, 'PAYID', '{strict,order,joined}'
),
(
  1, 'pay_app_sign', 'payment', '{pay_app,handle_sign}', 6,
  null, null, 80, 'PAYID', '{strict,order,joined}'
),
(1, 'bank', 'payment', '{bank}', 0, 'neg', 'bank_safe', 45, 'BANK_TRANSFER', '{strict,order}'),
(
  1, 'bsb_account', 'payment', '{bsb_account}', 0,
  'id_cue', null, 85, 'BANK_ACCOUNT', '{strict,order,listing,joined}'
),
(
  1, 'bank_account', 'payment', '{bank,bank_account}', 8,
  null, null, 85, 'BANK_ACCOUNT', '{strict,order,listing,joined}'
),
(
  1, 'pay_bank_account', 'payment', '{pay,bank_account}', 6,
  null, null, 85, 'BANK_ACCOUNT', '{strict,order,listing}'
),
(
  1, 'split_account', 'payment', '{account_digits,account_cue,account_digits}', 2,
  null, null, 85, 'BANK_ACCOUNT', '{strict,order,listing,joined}'
),
(
  1, 'bsb_word_account', 'payment', '{bsb,bank_account}', 4,
  null, null, 90, 'BANK_ACCOUNT', '{strict,order,listing,link,joined}'
),
(
  1, 'bsb_digits', 'payment', '{bsb,account_digits}', 5,
  null, null, 85, 'BANK_ACCOUNT', '{strict,order,listing,link,joined}'
),
(
  1, 'digits_bsb', 'payment', '{account_digits,bsb}', 3,
  null, null, 80, 'BANK_ACCOUNT', '{strict,order,joined}'
),
(
  1, 'account_digits', 'payment', '{account_cue,account_digits}', 5,
  'id_cue', null, 80, 'BANK_ACCOUNT', '{strict,order,joined}'
),
(
  1, 'wise_name', 'payment', '{wise,handle_cue}', 1,
  null, null, 80, 'PAYMENT_OUTSIDE', '{strict,order}'
),
(
  1, 'digits_account', 'payment', '{account_digits,account_cue}', 2,
  'id_cue', null, 75, 'BANK_ACCOUNT', '{strict,order,joined}'
),
(
  1, 'long_account', 'payment', '{bank_account,account_cue}', 3,
  null, null, 80, 'BANK_ACCOUNT', '{strict,order,joined}'
),
(
  1, 'account_more', 'payment', '{account_cue,seven_digits}', 3,
  'id_cue', null, 75, 'BANK_ACCOUNT', '{strict,order,joined}'
),
(
  1, 'account_long', 'payment', '{account_cue,abn_digits}', 4,
  'id_cue', null, 75, 'BANK_ACCOUNT', '{strict,order,joined}'
),
(
  1, 'bank_digits', 'payment', '{bank,account_digits}', 10,
  'id_cue', null, 80, 'BANK_ACCOUNT', '{strict,order,joined}'
),
(
  1, 'bank_name_account', 'payment', '{bank_name,bank_account}', 5,
  null, null, 85, 'BANK_ACCOUNT', '{strict,order}'
),
(
  1, 'pay_app_account', 'payment', '{pay_app,bank_account}', 8,
  null, null, 85, 'BANK_ACCOUNT', '{strict,order,listing,joined}'
),
(
  1, 'bank_name_digits', 'payment', '{bank_name,account_digits}', 5,
  null, null, 80, 'BANK_ACCOUNT', '{strict,order}'
),
(
  1, 'pay_digits', 'payment', '{pay,account_digits}', 6,
  'id_cue', 'call_verb', 75, 'BANK_ACCOUNT', '{strict,order}'
),
(
  1, 'abn_payee', 'payment', '{pay,abn,abn_digits}', 6,
  null, null, 80, 'ABN_PAYEE', '{strict,order,joined}'
),
(
  1, 'abn_payee_after', 'payment', '{abn,abn_digits,pay}', 8,
  null, null, 80, 'ABN_PAYEE', '{strict,order,joined}'
),
(
  1, 'pay_abn_digits', 'payment', '{pay,abn_digits}', 5,
  'id_cue', 'call_verb', 75, 'ABN_PAYEE', '{strict,order}'
),
(
  1, 'abn_bank', 'payment', '{abn,abn_digits,bank}', 8,
  null, null, 80, 'ABN_PAYEE', '{strict,order,joined}'
),
(
  1, 'bank_abn', 'payment', '{bank,abn_digits}', 8,
  null, null, 80, 'ABN_PAYEE', '{strict,order,joined}'
),
(1, 'pay_mobile', 'payment', '{pay,to,mobile}', 4, null, null, 75, 'PAYID', '{strict,order}'),
(1, 'card', 'payment', '{card}', 0, null, null, 90, 'CARD_NUMBER', '{strict,order,listing,joined}'),
(
  1, 'card_solid', 'payment', '{card_solid}', 0,
  'id_cue', null, 90, 'CARD_NUMBER', '{strict,order,listing,joined}'
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
  null, null, 80, 'PAYMENT_OUTSIDE', '{strict,order,link,joined}'
),
(
  1, 'remit', 'payment', '{remit,remit_cue}', 6,
  'neg', 'pay_safe', 70, 'PAYMENT_OUTSIDE', '{strict,order}'
),
(1, 'gift_code', 'payment', '{gift,code}', 14, 'neg', null, 75, 'GIFT_CARD', '{strict,order}'),
(1, 'code_gift', 'payment', '{code,gift}', 8, 'neg', null, 75, 'GIFT_CARD', '{strict,order}'),
(1, 'gift', 'proposal', '{pay_with,gift}', 4, 'neg', null, 45, 'GIFT_CARD', '{strict,order}'),
(
  1, 'gift_after', 'proposal', '{gift,pay_with}', 4,
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
  'neg', 'direct_safe', 45, 'OFF_PLATFORM', '{strict,order}'
),
(
  1, 'cancel_direct', 'proposal', '{cancel,direct}', 10,
  null, null, 45, 'OFF_PLATFORM', '{strict,order}'
),
(1, 'name_digits', 'contact', '{seven_digits}', 0, null, null, 65, 'PHONE_NUMBER', '{name}')
on conflict do nothing;

-- Rules since version 2. The rules of version 1 that they replace stay for staff.
insert into private.filter_rules (
  rule_version, rule, kind, pattern, gap, unless, unless_near, weight, reason_code, stage
) values
(2, 'domain', 'contact', '{inner_dot,site_tld}', 0, null, null, 70, 'LINK', '{strict,name}'),
(2, 'domain_line', 'contact', '{tight_dot,com}', 0, null, 'com_safe', 70, 'LINK', '{strict,name}'),
(2, 'domain_shop', 'contact', '{inner_dot,shop_tld}', 0, null, null, 70, 'LINK', '{strict,name}'),
(
  2, 'domain_word', 'contact', '{unknown,inner_dot,word_tld}', 0,
  null, null, 70, 'LINK', '{strict,name}'
),
(
  2, 'domain_word_handle', 'contact', '{handle_like,inner_dot,word_tld}', 0,
  null, null, 70, 'LINK', '{strict,name}'
),
(
  2, 'domain_path', 'contact', '{inner_dot,path_tld,slash}', 0,
  null, null, 70, 'LINK', '{strict,name}'
),
(
  2, 'host_path', 'contact', '{linkhost,tight_dot,path_tld,slash}', 0,
  null, null, 70, 'LINK', '{strict,name}'
),
(2, 'domain_words', 'contact', '{dot,tld}', 0, null, 'com_safe', 70, 'LINK', '{strict,name}'),
(
  2, 'domain_words_country', 'contact', '{dot_word,country_tld}', 0,
  null, null, 70, 'LINK', '{strict,name}'
),
(
  2, 'domain_words_slash', 'contact', '{dot_word,tight_tld,slash}', 0,
  null, null, 70, 'LINK', '{strict}'
),
(
  2, 'domain_words_path', 'contact', '{dot_word,path_tld,slash}', 0,
  null, null, 70, 'LINK', '{strict}'
),
(
  2, 'phone_cue_digits', 'contact', '{phone_cue,local_digits}', 6,
  'id_cue', null, 65, 'PHONE_NUMBER', '{strict,listing,name}'
),
(
  2, 'landline_cue_digits', 'contact', '{landline_cue,local_digits}', 4,
  'id_cue', null, 65, 'PHONE_NUMBER', '{strict}'
),
(
  2, 'chat_label_handle', 'contact', '{chat_label,colon,handle_like}', 0,
  null, null, 65, 'SOCIAL_HANDLE', '{strict}'
),
(
  2, 'chat_label_name', 'contact', '{chat_label,handle_like}', 0,
  null, null, 65, 'SOCIAL_HANDLE', '{strict}'
),
(
  2, 'qq_number', 'contact', '{qq,account_digits}', 1,
  'id_cue', null, 65, 'SOCIAL_HANDLE', '{strict}'
),
(
  2, 'cancel_sell', 'proposal', '{cancel,sell_to_me}', 6,
  null, null, 45, 'OFF_PLATFORM', '{strict,order}'
),
(
  2, 'chat_label_unknown', 'contact', '{chat_label,colon,unknown}', 0,
  null, null, 62, 'SOCIAL_HANDLE', '{strict}'
),
(
  2, 'iban', 'payment', '{iban,long_code}', 3,
  null, null, 80, 'BANK_ACCOUNT', '{strict,order,joined}'
),
(
  2, 'iban_digits', 'payment', '{iban,seven_digits}', 5,
  null, null, 80, 'BANK_ACCOUNT', '{strict,order,joined}'
),
(
  2, 'glued_account', 'payment', '{glued_account}', 0,
  'id_cue', null, 80, 'BANK_ACCOUNT', '{strict,order,listing,joined}'
),
(
  2, 'unlabelled_account', 'payment', '{unlabelled_account}', 0,
  'id_cue', null, 65, 'BANK_ACCOUNT', '{strict,order}'
),
(
  2, 'bank_name_account_joined', 'payment', '{bank_name,bank_account}', 5,
  'id_cue', null, 85, 'BANK_ACCOUNT', '{joined}'
),
(
  2, 'wise_handle', 'payment', '{wise,handle_sign}', 1,
  null, null, 80, 'PAYMENT_OUTSIDE', '{strict,order,joined}'
),
(
  2, 'wise_email', 'payment', '{wise,tight_at}', 4,
  null, null, 80, 'PAYMENT_OUTSIDE', '{strict,order,joined}'
),
(
  2, 'wise_link', 'payment', '{wise,tight_dot,com}', 0,
  null, null, 80, 'PAYMENT_OUTSIDE', '{strict,order,link,joined}'
),
(
  2, 'exchange_digits', 'payment', '{exchange,account_digits}', 4,
  null, null, 80, 'CRYPTO', '{strict,order,joined}'
),
(
  2, 'pay_app_me_words', 'payment', '{pay_app,dot_word,path_tld}', 0,
  null, null, 80, 'PAYMENT_OUTSIDE', '{strict,order,listing,joined}'
),
(
  2, 'cashtag_before', 'payment', '{cashtag,pay_app}', 2,
  null, null, 80, 'PAYMENT_OUTSIDE', '{strict,order,joined}'
),
(
  2, 'pay_digits', 'payment', '{pay,plain_digits}', 6,
  'id_cue', 'call_verb', 75, 'BANK_ACCOUNT', '{strict,order}'
),
(
  2, 'pay_phone', 'payment', '{pay_now,phone_digits}', 4,
  'phone_cue', 'call_verb', 75, 'PAYID', '{strict,order}'
),
(
  2, 'pay_mobile', 'payment', '{pay_to,to,mobile}', 4,
  'pay_to_not', null, 75, 'PAYID', '{strict,order}'
)
on conflict do nothing;

update private.filter_rules set active = false
where
  rule_version = 1 and rule in (
    'domain',
    'domain_path',
    'domain_words',
    'phone_cue_digits',
    'landline_cue_digits',
    'pay_digits',
    'pay_mobile'
  );
