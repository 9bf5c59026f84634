/**
 * `node bench/pii/train-names.ts --data DIR --packages DIR --out FILE`: trains the model that finds names. The same input
 * gives the same file. What it learns from, and under which licences, is in bench/pii/README.md.
 */
import { writeFileSync } from 'node:fs'
import { parseArgs } from 'node:util'
import { NameFinder } from '../../src/core/pii/names/find-names.ts'
import { buildLexicon } from '../../src/core/pii/names/lexicon.ts'
import { type Model, writeModel } from '../../src/core/pii/names/model.ts'
import { Crf, tableSize } from './names/crf.ts'
import { makeUpTexts } from './names/made-up-names.ts'
import { readNameLists } from './names/name-lists.ts'
import { chooseFeatures, quantise } from './names/quantise.ts'
import { Random } from './names/random.ts'
import { formatNameScores, scoreNames } from './names/score-names.ts'
import { SequenceMaker } from './names/sequences.ts'
import {
  completeLabels,
  isHeldOut,
  readEvaluationOnly,
  readTrainingTexts,
  thinOut,
  vary,
} from './names/training-texts.ts'

const { values: flags } = parseArgs({
  options: {
    data: { type: 'string' },
    packages: { type: 'string' },
    out: { type: 'string' },
    epochs: { type: 'string', default: '12' },
    seed: { type: 'string', default: '77' },
    rate: { type: 'string', default: '0.12' },
    'miss-cost': { type: 'string', default: '0.7' },
    decay: { type: 'string', default: '0.0001' },
    'weight-slots': { type: 'string', default: '131072' },
    'share-alike': { type: 'boolean', default: false },
    all: { type: 'boolean', default: false },
  },
})

if (!flags.data || !flags.packages || !flags.out) {
  process.stderr.write(
    'Usage: node bench/pii/train-names.ts --data DIR --packages DIR --out FILE [--all] [--epochs N] [--share-alike]\n' +
      '  --all          learn from the held-out fifth too; the scores then say nothing\n' +
      '  --share-alike  learn from the sets under CC BY-SA too, only to compare\n',
  )
  process.exit(2)
}

const random = new Random(Number(flags.seed))
const print = (text: string) => process.stdout.write(`${text}\n`)

const lists = await readNameLists(flags.packages)
const lexicon = buildLexicon(lists.facts, 131_072)
const texts = readTrainingTexts(flags.data, flags['share-alike'])
const learnt = thinOut(
  texts.filter((text) => flags.all || !isHeldOut(text)),
  random,
).map(completeLabels)
print(`${lists.facts.size} words known, ${learnt.length} of ${texts.length} texts to learn from`)

const maker = new SequenceMaker(lists.facts, lexicon)
const crf = new Crf({ rate: Number(flags.rate), missCost: Number(flags['miss-cost']), decay: Number(flags.decay) })
const epochs = Number(flags.epochs)
const slots = Number(flags['weight-slots'])
/** From then on only the features that fit into the file go on learning, and make up for the others. */
const pruneAfter = Math.floor(epochs * 0.4)
for (let epoch = 1; epoch <= epochs; epoch += 1) {
  const started = performance.now()
  for (const text of random.shuffle([...learnt, ...makeUpTexts(lists, random, 2)])) {
    const varied = epoch === epochs ? text : vary(text, lists, random)
    for (const sequence of maker.make(varied, random)) crf.learn(sequence)
  }
  if (epoch === pruneAfter) {
    const allowed = new Uint8Array(tableSize)
    for (const feature of chooseFeatures(crf, slots)) allowed[feature] = 1
    crf.keepOnly(allowed)
    maker.allowed = allowed
  } else if (epoch > pruneAfter) crf.note()
  print(`epoch ${epoch}: ${((performance.now() - started) / 1000).toFixed(1)} s`)
}

const model: Model = { lexicon, ...quantise(crf.average(), slots, maker.hashes) }
const bytes = writeModel(model)
writeFileSync(flags.out, bytes)
print(`${flags.out}: ${(bytes.length / 1e6).toFixed(2)} MB`)

const held = [...texts.filter(isHeldOut), ...(flags['share-alike'] ? [] : readEvaluationOnly(flags.data))]
print(formatNameScores(scoreNames(new NameFinder(model), held)))
