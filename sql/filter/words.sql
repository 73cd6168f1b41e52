insert into private.filter_words (word, class)
select
  word,
  list.class
from (
  values
  ('at_sign', '@'),
  ('at_word', 'arroba at att'),
  ('dot', '. d0t dot dott fullstop punto'),
  ('scheme', '://'),
  ('www', 'http https hxxp www'),
  ('tld', 'cm com comau conz couk net netau org orgau'),
  ('tight_tld', 'app au biz co com dev gg info io link ly me net nz online org shop site store'),
  ('tight_tld', 'tv uk xyz'),
  ('provider', 'bigpond fastmail geemail gmai gmail gmial googlemail hotmail hotmale icloudmail'),
  ('provider', 'iinet jeemail optusnet outlookmail protonmail rocketmail westnet yahoomail ymail'),
  ('weak_provider', 'aol dodo icloud internode live msn outlook proton tpg yahoo'),
  ('email_cue', 'address addy email emailme emails mail mails mailto'),
  ('phone_cue', 'bell buzz call callme cell dial digits fone mob mobile numba number numbr ph'),
  ('phone_cue', 'phone ring ringme sms tel telephone text textme txt'),
  ('id_cue', 'abn account article auction barcode batch bid bsb catalogue code consignment ean'),
  ('id_cue', 'edition firmware imei invoice isbn item listing lot model order part plate pn'),
  ('id_cue', 'product receipt ref reference rego serial set sku sn stock track tracking upc'),
  ('id_cue', 'version vin')
) as list (class, words) -- noqa: RF04
cross join lateral string_to_table(list.words, ' ') as word
on conflict do nothing;
