insert into private.filter_rules (
  rule_version, rule, kind, pattern, gap, unless, weight, reason_code, stages
) values
(1, 'mobile', 'contact', '{mobile}', 0, null, 75, 'PHONE_NUMBER', '{strict,listing,name}'),
(1, 'landline', 'contact', '{landline}', 0, null, 75, 'PHONE_NUMBER', '{strict,listing,name}'),
(1, 'email', 'contact', '{at_sign,dot,tld}', 3, null, 75, 'EMAIL_ADDRESS', '{strict,listing,name}')
on conflict do nothing;
