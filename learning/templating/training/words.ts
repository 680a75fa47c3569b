import type { Random } from './random.js';

const list = (text: string): string[] => text.trim().split(/\s+/);

/** Things that APIs have many of, in the singular. */
export const NOUNS = list(`
account action activity adapter address adjustment agent aggregate agreement album alert alias allocation allowance annotation announcement app applicant
appliance appointment approval area article artifact artist asset assignment attachment attempt attendee attribute auction audience audit author badge bag
balance bank banner basket batch benefit bid bill binding board bond booking bookmark branch brand broadcast browser bucket budget bug build bundle button
cabinet calendar call campaign card carrier cart case catalog category certificate channel chapter charge chart chat checklist checkout claim class
clause client clinic cluster code collection column comment commission commit community company comparison complaint component condition conference
connection consent contact container content contest contract contributor conversation conversion counter coupon course credit currency customer cycle dashboard
dataset deadline deal dealer debit decision deduction definition delegate delivery department deployment deposit description design destination device diagnosis
digest directory discount discussion dispute district document domain donation draft driver duty edge edition element email employee encounter endpoint engine
entity entry enrollment environment episode equipment estimate event exam example exception exchange expense experiment export factor facility feature fee
field file filter finding fixture flag fleet flight floor flow folder font forecast form formula forum fragment frame function fund game garage gateway genre
gift goal grade grant group guest guide handler harvest hook hospital hotel household icon identity image import incident index indicator ingredient inquiry inspection
instance instruction insurance integration interaction interface interview inventory investment invitation invoice issue item itinerary job journal journey
kernel key keyword kit label lab layer layout lead league leave lecture ledger lesson letter level license lien limit line link listing loan location lock locker
log loop lot machine mailbox mandate manifest manufacturer map marker market match material matter meal measurement media meeting member membership memo
merchant message meter method metric migration milestone mission model module monitor mount movie namespace network newsletter node note notebook notice
notification object observation offer office operation operator opportunity option order organization outcome outlet output owner package page panel parameter
parcel participant partition partner party pass passenger patch patient pattern payee payment payout payroll penalty performance period permission permit
person phase phone photo pipeline pixel place plan plane plant platform player playlist plot plugin podcast point policy poll pool portfolio position post prediction
prescription preset price printer problem procedure process product profile program project promotion property proposal prospect protocol provider publication
publisher purchase query question queue quiz quota quote race rack rate rating reader reason receipt recipe recipient record recording recovery redirect
referral refund region registration reminder rental repair reply report repository request requirement reservation resolution resource response restaurant
result return revenue review revision reward ring risk role room rotation round route row rule run runner salary sale sample scan scene schedule schema scope score
screen script season seat secret section sector segment seller sensor sequence series server service session setting shape share sheet shelf shift shipment shop
show signal signature site skill slide slot snapshot snippet solution source space speaker speech sponsor sprint staff stage stake statement station status step stock
stop storage store story stream street student studio style submission subscriber subscription suggestion summary supplier supply survey symbol table tag target
task tax team template tenant term terminal territory test theme thread threshold ticket tier timeline timer timesheet title token tool topic tour track trade trader
training transaction transcript transfer transition translation transport trigger trip truck tunnel tutorial type unit update upgrade upload usage user vacancy value
variable variant vault vehicle vendor venue version video view visit visitor volume vote voucher waiver wallet warehouse warning watch wave webhook widget window
winner wish wishlist witness word worker workflow workspace yard zone`);

/** What endpoints do. */
export const VERBS = list(`
activate add allocate apply approve archive assign attach authorize block book calculate cancel capture check claim clear clone close complete compute
confirm connect convert copy create deactivate decline decrypt delete deliver deploy detach disable disconnect dispatch download duplicate edit enable encrypt
estimate evaluate exchange execute expire export extend fetch finalize find fork follow forward freeze generate get grant hide hold import initialize inspect install
invalidate invite issue join launch leave like link list load lock log mark match merge migrate modify monitor move mute notify open order pause pay pin ping play poll
post predict preview process promote publish pull purge push put query queue rank read rebuild receive recover redeem refresh refund register reject release reload
remove rename render renew reopen reorder repair replace reply report request resend reserve reset resize resolve restart restore resume retry return reveal revoke
rotate run save scan schedule search select send set share sign simulate skip sort split start stop store submit subscribe suspend swap sync tag terminate test
toggle track transfer translate trigger unblock undo unfollow unlink unlock unpin unpublish unsubscribe update upgrade upload validate verify vote withdraw`);

/** Words that stand beside identifiers without being one. */
export const SPECIALS = list(`
me self search count all new latest current stats status summary export import bulk batch default recent popular trending top mine active pending history lookup
autocomplete suggest info metadata types schema settings config health available featured upcoming archived deleted totals report overview validate random nearby
filter aggregate template defaults options first last today archive inactive public private starred unread assigned recommended`);

/** Qualifiers that make compound names and enumerated pages. */
export const ADJECTIVES = list(`
active annual archived audio automatic average basic billing board bulk business central certified child clean clinical closed cloud cold common complete corporate
critical custom daily dark deep default delayed digital direct domestic draft dynamic early eastern economic electric empty existing extended external extra failed fair
family fast federal final financial first fiscal fixed flat foreign formal former forward free fresh full future general global golden good gray great green gross
group guest half happy hard heavy hidden high historical hot hourly human ideal initial inner instant internal joint junior key large last late latest legal level light linked
live local locked long loose loyal lucky main major manual master medical micro minimum mobile modern monthly morning multi national native natural net new night nominal normal
north nuclear offline old online open original outer overall overdue own paid parallel parent partial past pending personal physical plain popular portable preferred premium
primary prime private prompt public quick quiet random rapid raw ready real recent red regional regular related remote retail royal rural safe secondary secret senior shared sharp
short silent silver simple single small smart social soft solid south special standard static steady strong summer super tall temporary total toxic trusted unique unpaid upper
urban urgent valid verified virtual visual warm weekly western white whole wide wild winter yellow young`);

export const FIRST_NAMES = list(`
aaron abigail adrian aiko alan alba alex alice amara amir ana andre anita anton arjun astrid beatrice ben bianca bjorn boris brenda bruno camila carl cecilia cedric chen clara
clement dana daria dennis diego dina dora edgar elena elif elsa erik esther eva fabian farah felix fiona frank freya gabriel george gina greta hana hannah harald hassan
helena henry ian ida imran irene isaac jack jana jasper jean jelena joel jonas josef julia kai karim karl katrin kenji klara kofi lara laura leo lena lina lorenzo luis lukas mai malik
manuel marta matteo maya mehmet mila mina mohamed mona nadia naomi nikita nils nina omar oscar otto paul petra philip priya rafael rahul rosa ruth sam sara simon stefan
sven tara theo timo tina umar ursula vera victor walter xavier yara yusuf zara`);
export const LAST_NAMES = list(`
abbott adler ahmed andersen baker banerjee bauer becker bell bennett berg bianchi blanc bondar brandt bruno byrne campos carter castro chang clark costa cruz dahl daniels diaz dietz
dubois duran egger ellis endo engel evans falk farmer ferrari fischer fontana foster frey fuchs fuji gallo garner gibson grant gruber gupta haas hahn hansen hart hayes heller
holm horvat hughes ibrahim ito ivanov jansen jensen joshi kaiser kaplan kaya keller khan koch kovac krause kumar lang larsen laurent leroy lopes lund maier mann marin
mason meyer mishra molina moreau mori moser murphy nakamura nguyen nielsen noor novak olsen ortiz osman park patel petrov pham popov quinn ramos rao reyes ricci romero rossi
ruiz sato schmidt schulz shah silva simon sousa stone suzuki takeda torres tran vargas vidal vogel wagner walsh weber weiss wolf wood yamada yilmaz young zhang ziegler`);

const ONSETS = list('b c d f g h j k l m n p r s t v w z br cl cr dr fl gr pl pr sk sl sp st tr th sh ch');
const VOWELS = list('a e i o u a e i o ai ea ou');
const CODAS = ['', '', '', 'n', 'r', 's', 'l', 't', 'm', 'nd', 'st', 'rk', 'x'];

/** A word of no language, two to four syllables: keeps the model from learning the lists above by heart. */
export function inventedWord(random: Random): string {
  let word = '';
  for (let syllables = random.int(2, 3); syllables > 0; syllables--)
    word += random.pick(ONSETS) + random.pick(VOWELS) + (syllables === 1 || random.chance(0.3) ? random.pick(CODAS) : '');
  return word;
}

export function plural(word: string): string {
  if (/[^aeiou]y$/.test(word)) return `${word.slice(0, -1)}ies`;
  if (/(?:s|x|ch|sh)$/.test(word)) return `${word}es`;
  return `${word}s`;
}

export type Casing = 'kebab' | 'snake' | 'camel' | 'pascal' | 'flat' | 'dot';

export function joinWords(words: readonly string[], casing: Casing): string {
  const capital = (word: string): string => word[0].toUpperCase() + word.slice(1);
  switch (casing) {
    case 'kebab':
      return words.join('-');
    case 'snake':
      return words.join('_');
    case 'dot':
      return words.join('.');
    case 'camel':
      return words.map((word, index) => (index === 0 ? word : capital(word))).join('');
    case 'pascal':
      return words.map(capital).join('');
    case 'flat':
      return words.join('');
  }
}
