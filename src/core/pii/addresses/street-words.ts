import { wordSet } from '../word-set.ts'

const list = (words: string) => words.trim().split(/\s+/)

/** Street types of English that mean little else, and their abbreviations: names before them may be in small letters. */
export const plainSuffixes = wordSet(
  list('street road avenue lane drive boulevard blvd ave rd terrace crescent parkway pkwy highway hwy cul-de-sac'),
)

/**
 * The other suffixes that the postal service of the USA knows (Publication 28, appendix C1), with British ones. They are
 * words of the language, so a house number and a capitalised name stand before them.
 */
export const otherSuffixes = wordSet(
  list(`
    st ln dr ct cir court circle place pl plaza square sq way alley aly annex arcade bayou beach bend bluff bluffs bottom
    branch bridge brook brooks burg burgs bypass camp canyon cape causeway center centre centers circles cliff cliffs club
    common commons corner corners course courts cove coves creek crest crossing crossroad curve dale dam divide drives
    estate estates expressway extension fall falls ferry field fields flat flats ford fords forest forge forges fork forks
    fort freeway garden gardens gateway glen glens green greens grove groves harbor harbors harbour haven heights hill
    hills hollow inlet island islands isle junction junctions key keys knoll knolls lake lakes landing light lights loaf
    lock locks lodge loop mall manor manors meadow meadows mews mill mills mission motorway mount mountain mountains neck
    orchard oval overpass park parks parkways pass passage path pike pine pines plain plains plazas point points port ports
    prairie radial ramp ranch rapid rapids rest ridge ridges river roads route row rue run shoal shoals shore shores skyway
    spring springs spur spurs squares station stravenue stream streets summit throughway trace track trafficway trail
    trailer tunnel turnpike underpass union unions valley valleys via viaduct view views village villages ville vista walk
    walks wall ways well wells close mead rise gate quay wharf drove yard parade hwy trl ter terr pkwy blf xing`),
)

/**
 * Street types that stand before the name, with the house number after it: Spanish, Catalan, Galician, Portuguese. These
 * mean nothing else, so a name in small letters may follow.
 */
export const iberianTypes = wordSet(
  list('calle avda avda. avenida avinguda avgda paseo passeig pseo carrer ctra ctra. carretera rúa rua travessera'),
)
/** These are words of the language, names of people, or short; capitalised names follow them. */
export const shortIberianTypes = wordSet([
  ...list('av av. plaza plaça praza pza pza. pl. cra cra. carrera camino camí camiño ronda rambla ramblas travesía'),
  ...list(
    'travesia travessa trav trav. glorieta vía callejón pasaje passatge parque polígono poligono barrio urb. urb',
  ),
  ...list('urbanización bulevar cuesta costanilla bajada subida raval riera torrent praça praca largo alameda estrada'),
  ...list(
    'beco rodovia transversal diagonal kalea etorbidea cl cl. cll cll. paraje partida cañada glta gta calzada senda',
  ),
  ...list('prolongación vialidad pg pg. p.º pº pso. colonia'),
  ...['gran vía', 'gran via'],
])
/** `C/` may be glued to the name, so it is no word of its own. */
export const streetSign = wordSet(['c/', 'c\\'], { whole: false })

/** Italian, Polish, Romanian, French, Czech, Russian: the type, the name, the number. */
export const otherTypes = wordSet([
  ...list('via viale piazza piazzale corso largo vicolo strada contrada lungomare lungotevere salita traversa borgo'),
  ...list(
    'ul. ulica aleja al. plac os. osiedle strada str. calea bulevardul aleea șoseaua jalan jl. улица ул. проспект пр.',
  ),
  ...list('переулок бульвар οδός rue ulice třída avenue boulevard chaussée'),
])

/** French types, which have the house number before them. */
export const frenchTypes = wordSet([
  ...list(
    'rue avenue av av. boulevard bd bd. boul. place pl. chemin ch. impasse allée allee allées quai route rte cours',
  ),
  ...list(
    'square passage faubourg sentier villa résidence residence lotissement hameau lieu-dit esplanade montée ruelle',
  ),
])

/** Ends of German, Dutch and Nordic street names; what comes before is glued to them or not: `Hauptstraße`, `Lange Straße`. */
export const compoundEnds = wordSet(
  [
    ...list('straße strasse str. weg platz gasse allee steig ufer damm markt straat laan plein gracht singel dreef'),
    ...list('gatan vägen gränd gata gade vej vænge stræde plads allé veien vegen katu kuja polku götu vegur'),
    ...list('steeg hof stien bakken torget utca brücke chaussee stræti'),
  ],
  { whole: false },
)
/** Words that end like a street and are none: a number after them counts something. */
export const notStreets =
  /^(?:.{0,30}(?:arbeits|speicher|stell|steck|sitz|sport|park)platz|.{0,20}(?:br|ren)igade|weg|gata|hof|markt|platz|plein|ufer|damm|.{0,20}(?:bahn|fried|super)(?:hof|markt))$/i

/** Flats, floors and doors that have a number or a letter after them. */
export const unitWords = wordSet(
  list('apt apt. apartment suite ste ste. flat appt appartement apto apto. wohnung lägenhet lgh'),
)

/** Boxes of the post, in front of their number. */
export const boxWords = wordSet([
  ...['p.o. box', 'po box', 'p.o.box', 'p. o. box', 'post office box', 'postbox', 'postfach', 'postbus', 'postboks'],
  ...[
    'apartado de correos',
    'apdo. de correos',
    'apdo. correos',
    'apartado postal',
    'apdo.',
    'casella postale',
    'c.p.',
  ],
  ...[
    'caixa postal',
    'boîte postale',
    'boite postale',
    'skr. poczt.',
    'skrytka pocztowa',
    'postilokero',
    'pmb',
    'gpo box',
  ],
])

/** Post of the armed forces of the USA. */
export const militaryPost = wordSet(['apo', 'fpo', 'dpo'])

/** Names of fields that hold an address. */
export const addressLabels = wordSet([
  ...['address', 'addr', 'home address', 'street', 'street address', 'residence', 'mailing address', 'address line 1'],
  ...['streetaddress', 'street_address', 'homeaddress', 'address1', 'address_line', 'location', 'shipto', 'billto'],
  ...[
    'domicilio',
    'dirección',
    'direccion',
    'dirección postal',
    'adresse',
    'anschrift',
    'wohnort',
    'straße',
    'strasse',
  ],
  ...['indirizzo', 'residenza', 'morada', 'endereço', 'endereco', 'adres', 'woonadres', 'adress', 'bostadsadress'],
  ...['osoite', 'bopæl', 'adresa', 'bydliště', 'cím', 'lakcím', 'адрес', 'адреса', 'διεύθυνση', 'adreça', 'helbidea'],
])

/** What leads up to an address in a sentence. */
export const addressLeads = wordSet([
  ...['lives at', 'live at', 'living at', 'lived at', 'residing at', 'resides at', 'reside at', 'located at', 'is at'],
  ...[
    'address is',
    'addresses are',
    'moved to',
    'ship to',
    'sent to',
    'deliver to',
    'office at',
    'home at',
    'house at',
  ],
  ...[
    'meet me at',
    'meet you at',
    'drops you off at',
    'address to',
    'address with',
    'here they are',
    'lives on',
    'send a new one to',
    'the corner of',
  ],
  ...['wohnhaft in', 'wohnhaft', 'wohnt in', 'wohne in', 'adresse ist', 'domiciliado en', 'domiciliada en', 'vive en'],
  ...['con domicilio en', 'reside en', 'demeurant', 'demeurant au', 'domicilié', 'domiciliée', 'habite', 'habite au'],
  ...[
    'residente in',
    'abita in',
    'residente em',
    'morador na',
    'mora na',
    'woont aan',
    'wonende te',
    'woonachtig',
    'bor på',
  ],
])
