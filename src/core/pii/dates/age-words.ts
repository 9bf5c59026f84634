import { letters } from '../letters.ts'
import { wordSet } from '../word-set.ts'

const split = (words: string) => words.split('|')

const small =
  'one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen eighteen nineteen'
const spanish =
  'un una dos tres cuatro cinco seis siete ocho nueve diez once doce trece catorce quince dieciséis diecisiete dieciocho diecinueve veinte veintiún veintiuno veintidós veintitrés veinticuatro veinticinco'
const tens =
  'twenty thirty forty fifty sixty seventy eighty ninety treinta cuarenta cincuenta sesenta setenta ochenta noventa'
const numberWord = `(?:(?:${tens.split(' ').join('|')})(?:(?:-| y )(?:${[...small.split(' ').slice(0, 9), ...spanish.split(' ').slice(0, 10)].join('|')}))?|${[...small.split(' '), ...spanish.split(' ')].join('|')})`
const number = String.raw`(?:\d{1,3}(?:[.,]\d)?|${numberWord})`
/** One number before the unit, or two: `12 y 14 años`, `3-5 years`. */
export const numberBefore = new RegExp(
  String.raw`(?<![\d.,:/-])(?<![${letters}])(?:${number} ?(?:-|y|o|a|and|to|und|et|e|años y|/) ?)?${number}(?:-|\x20{0,2})$`,
  'i',
)

/** Units that age is told in, and time as well. */
export const units = wordSet(
  split(
    'year|years|yrs|yr|month|months|week|weeks|day|days|año|años|anos|mes|meses|semanas|semana|días|dias|ans|' +
      'mois|jours|semaines|jahre|jahren|jahr|monate|monaten|wochen|tage|anni|mesi|ano|jaar|maanden|år|månader|' +
      'måneder|lat|let|év|éves|лет|года|год|років|vuotta|ani|yaşında',
  ),
)
/** Units that say by themselves that it is an age. */
export const sureUnits = wordSet(
  split(
    'yo|y/o|y.o.|y.o|yr-old|jährig|jähriger|jährige|jährigen|jähriges|jarige|årig|årige|year-old|years-old|' +
      'year old|years old|month-old|months-old|month old|months old|week-old|weeks old|day-old|days old|' +
      'years of age|months of age|años de edad|meses de edad|días de edad|jahre alt|jahre alter|jahre alte|' +
      'jahre altes|jahren alt|monate alt|anni di età|anos de idade|ans révolus|jaar oud|år gammal|år gammel|' +
      'år gamla|días de vida|meses de vida|horas de vida|yaşında|éves|летний|летняя',
  ),
)
/** Whoever has an age, and what else is said before one. */
export const people = wordSet(
  split(
    'man|woman|male|female|boy|girl|patient|child|infant|baby|age|aged|ages|turned|varón|varon|mujer|hombre|' +
      'paciente|niño|niña|lactante|edad|adolescente|joven|bebé|padre|madre|hijo|hija|hijos|hijas|hermano|' +
      'hermana|hermanos|abuelo|abuela|neonato|anciano|anciana|señora|señor|escolar|estudiante|tía|tío|padres|' +
      'primo|prima|marido|esposa|gestante|primigesta|enfermo|enferma|trabajador|persona|raza|antecedentes|' +
      'femenina|masculino|femenino|sobrino|nieto|homme|femme|enfant|garçon|fille|patiente|âgé de|âgée de|âge|' +
      "à l'âge de|âgé|âgée|mann|frau|kind|junge|mädchen|patientin|alter|im alter von|uomo|donna|bambino|bambina|" +
      "ragazzo|ragazza|paziente|età|all'età di|homem|mulher|menino|menina|idade|criança|leeftijd|vrouw|patiënt|" +
      'ålder|kvinna|kvinde|kvinne|alder|wiek|возраст',
  ),
)
/** After these a number without a unit is an age. */
export const ageWords = wordSet(
  split(
    'age|aged|ages|turned|turning|turns|edad|alter|âge|âgé de|âgée de|età|idade|leeftijd|ålder|alder|ikä|wiek|' +
      'věk|vek|életkor|vârstă|vârsta|yaş|возраст|вік|when he was|when she was|when i was|now aged|at the age of|' +
      'ηλικία',
  ),
)
