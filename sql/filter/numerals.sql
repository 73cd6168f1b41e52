insert into private.filter_numerals (word, kind, value)
select
  word,
  list.kind,
  list.value
from (
  values
  ('digit', 'A', 'zero zeroes zro zer nort zerro zeero nought naught nil cero nul oh'),
  ('digit', 'a', 'o ohh ooh oo null owe ow'),
  ('digit', 'B', 'one wun wone onne uno eins'),
  ('digit', 'b', 'won wan un i l juan'),
  ('digit', 'C', 'two tew twoo zwei deux'),
  ('digit', 'c', 'to too tu tuu dos z'),
  ('digit', 'D', 'three thre thrree drei trois tres'),
  ('digit', 'd', 'tree free thri'),
  ('digit', 'E', 'four fower fourr foor vier quatre cuatro'),
  ('digit', 'e', 'for fore faw phor'),
  ('digit', 'f', 's'),
  ('digit', 'F', 'five fife fivve faiv fiv fyv funf cinq cinco'),
  ('digit', 'G', 'six sicks siks sixx siz sechs'),
  ('digit', 'g', 'sex seis sics'),
  ('digit', 'H', 'seven sevn sevin sevan sevven sieben siete'),
  ('digit', 'h', 'sept heaven'),
  ('digit', 'I', 'eight eigth eit eigt eigh ait aight acht ocho'),
  ('digit', 'i', 'ate huit ayt b'),
  ('digit', 'J', 'nine niner nein nien nyne nain neuf nueve neun'),
  ('digit', 'j', 'nun g'),
  ('teen', 'BA', 'ten tenn'),
  ('teen', 'BB', 'eleven'),
  ('teen', 'BC', 'twelve twelv'),
  ('teen', 'BD', 'thirteen'),
  ('teen', 'BE', 'fourteen'),
  ('teen', 'BF', 'fifteen'),
  ('teen', 'BG', 'sixteen'),
  ('teen', 'BH', 'seventeen'),
  ('teen', 'BI', 'eighteen'),
  ('teen', 'BJ', 'nineteen'),
  ('ten', 'C', 'twenty'),
  ('ten', 'D', 'thirty'),
  ('ten', 'E', 'forty fourty'),
  ('ten', 'F', 'fifty'),
  ('ten', 'G', 'sixty'),
  ('ten', 'H', 'seventy'),
  ('ten', 'I', 'eighty'),
  ('ten', 'J', 'ninety ninty'),
  ('hundred', '', 'hundred hundreds hunnit'),
  ('plural', 'A', 'zeros ohs noughts'),
  ('plural', 'B', 'ones'),
  ('plural', 'C', 'twos'),
  ('plural', 'D', 'threes'),
  ('plural', 'E', 'fours'),
  ('plural', 'F', 'fives'),
  ('plural', 'G', 'sixes'),
  ('plural', 'H', 'sevens'),
  ('plural', 'I', 'eights'),
  ('plural', 'J', 'nines'),
  ('multiplier', '2', 'double dbl dubble doubl twice'),
  ('multiplier', '3', 'triple treble tripple trip'),
  ('multiplier', '4', 'quadruple quad'),
  ('filler', '', 'and then n dash hyphen space slash next followed by after um uh er umm uhh stop'),
  ('filler', '', 'comma gap pause dot point again plus afterwards lastly finally minus bar'),
  (
    'unit', '',
    'mm cm m km kms metre metres meter meters inch inches ft foot feet kg kgs kilo kilos g gm grams'
  ),
  (
    'unit',
    '',
    'l ltr litre litres ml v volt volts w kw watt watts a ah mah hz khz mhz ghz amp amps'
  ),
  (
    'unit',
    '',
    'gb tb mb gig gigs mp fps rpm hp nm kmh mph psi bar db lb lbs oz cc cbm sqm deg degrees'
  ),
  ('unit', '', 'am pm hr hrs hour hours min mins minute minutes sec secs second seconds day days'),
  (
    'unit', '', 'week weeks wk wks month months mth mths year years yr yrs yo k grand bucks dollars'
  ),
  (
    'unit',
    '',
    'dollar cents aud percent pct st nd rd th pcs piece pieces people pack packs set sets'
  ),
  (
    'unit', '', 'jan feb mar apr jun jul aug sep sept oct nov dec january february march april june'
  ),
  ('unit', '', 'july august september october november december photos pics bids bidders watchers'),
  (
    'unit',
    '',
    'pages cards items boxes pairs stars seats seater piece burner speed drawer doors owners'
  )
) as list (kind, value, words)
cross join lateral string_to_table(list.words, ' ') as word
on conflict do nothing;
