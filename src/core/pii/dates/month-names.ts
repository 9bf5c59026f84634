import { wordSet } from '../word-set.ts'

/**
 * The months of the written languages of Europe, in the form that stands in a date (Slavic genitives), and their usual
 * abbreviations. One list: `mai` is German, French and Norwegian.
 */
const fullNames = [
  'january february march april may june july august september october november december',
  'januar jänner februar märz mai juni juli oktober dezember',
  'janvier février fevrier mars avril juin juillet août aout septembre octobre novembre décembre decembre',
  'enero febrero marzo abril mayo junio julio agosto septiembre setiembre octubre noviembre diciembre',
  'gennaio febbraio aprile maggio giugno luglio settembre ottobre dicembre',
  'janeiro fevereiro março marco maio junho julho setembro outubro novembro dezembro',
  'gener febrer març abril maig juny juliol agost setembre desembre',
  'januari februari maart mei augustus augusti maj desember',
  'tammikuuta helmikuuta maaliskuuta huhtikuuta toukokuuta kesäkuuta heinäkuuta elokuuta syyskuuta lokakuuta',
  'marraskuuta joulukuuta',
  'stycznia lutego marca kwietnia maja czerwca lipca sierpnia września października listopada grudnia',
  'ledna února března dubna května června července srpna září října listopadu prosince',
  'január február március április május június július augusztus szeptember október',
  'ianuarie februarie martie aprilie iunie iulie septembrie octombrie noiembrie decembrie',
  'января февраля марта апреля мая июня июля августа сентября октября ноября декабря',
  'січня лютого березня квітня травня червня липня серпня вересня жовтня листопада грудня',
  'ιανουαρίου φεβρουαρίου μαρτίου απριλίου μαΐου μαίου ιουνίου ιουλίου αυγούστου σεπτεμβρίου οκτωβρίου νοεμβρίου',
  'δεκεμβρίου',
  'ocak şubat mart nisan mayıs haziran temmuz ağustos eylül ekim kasım aralık',
]
const shortNames = [
  'jan feb mar apr jun jul aug sep sept oct nov dec',
  'jän mär mrz okt dez',
  'janv févr fév avr juil déc',
  'ene abr ago dic',
  'gen mag giu lug set ott',
  'fev out',
  'mrt des',
]
/** Said of something else as well, so that a month of this name needs a day or a year. */
const ambiguous = new Set(
  'may march mars marco mart mai maio maja maj mei marca marta mayo ocak agosto august augusti augustus'.split(' '),
)

const allNames = [...new Set([...fullNames, ...shortNames].join(' ').split(' '))]

/** Every name and abbreviation of a month. */
export const monthNames = wordSet(allNames)

/** Names of months that mean nothing else. */
export const plainMonthNames = wordSet(
  [...new Set(fullNames.join(' ').split(' '))].filter((name) => !ambiguous.has(name) && name.length > 4),
)

/** Longest first: an alternation takes the first that fits. */
export const monthAlternatives = allNames.sort((left, right) => right.length - left.length).join('|')

const weekdays = [
  'monday tuesday wednesday thursday friday saturday sunday',
  'montag dienstag mittwoch donnerstag freitag samstag sonnabend sonntag',
  'lundi mardi mercredi jeudi vendredi samedi dimanche',
  'lunes martes miércoles jueves viernes sábado domingo',
  'lunedì martedì mercoledì giovedì venerdì sabato domenica',
  'segunda-feira terça-feira quarta-feira quinta-feira sexta-feira',
  'maandag dinsdag woensdag donderdag vrijdag zaterdag zondag',
  'måndag tisdag onsdag torsdag fredag lördag söndag',
]

/** The days of the week, in full. */
export const weekdayNames = wordSet(weekdays.join(' ').split(' '))
