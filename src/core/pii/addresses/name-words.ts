import { capitals, letters } from '../letters.ts'

/** A capitalised word of a street's name, or an abbreviated one with its dot. */
export const capitalWord = String.raw`(?:[${capitals}][${letters}ªº'’·´-]{0,24}|[${capitals}][${letters}]{0,3}\.)`
