import type { MaskedCounts } from '../job.ts'
import { type Entity, healthEntities } from './entities.ts'
import { findWords, wordSet } from './word-set.ts'

/**
 * Words of treatment, in the languages that the recognizers know. One of them means little: an engineer writes of a
 * healthy process. Several different ones beside somebody's identifier make a text health data in the sense of HIPAA
 * (45 CFR 160.103: health information that identifies) and of GDPR article 4(15).
 */
const groups = [
  ['patient', 'patients', 'patiente', 'patienten', 'patientin', 'paciente', 'pacientes', 'paziente', 'patiënt'],
  ['diagnosis', 'diagnosed', 'diagnoses', 'diagnose', 'diagnostiziert', 'diagnóstico', 'diagnostic', 'diagnosi'],
  ['prescribed', 'prescription', 'medication', 'medicación', 'medikament', 'médicament', 'ordonnance', 'farmaco', 'mg'],
  ['symptoms', 'symptom', 'symptome', 'síntomas', 'symptômes', 'sintomi', 'sintomas'],
  ['hospital', 'clinic', 'krankenhaus', 'klinik', 'hôpital', 'clínica', 'ospedale', 'ziekenhuis', 'sjukhus'],
  ['admitted', 'discharged', 'discharge', 'ingreso', 'ingresó', 'alta', 'aufgenommen', 'entlassen', 'ricovero'],
  ['physician', 'surgeon', 'nurse', 'arzt', 'ärztin', 'médico', 'médecin', 'medico', 'oncologist', 'cardiologist'],
  ['treatment', 'therapy', 'behandlung', 'therapie', 'tratamiento', 'tratamento', 'traitement', 'terapia', 'surgery'],
  ['blood', 'biopsy', 'mri', 'ct scan', 'x-ray', 'ecg', 'blutdruck', 'sangre', 'biopsia', 'radiografía', 'analítica'],
  ['cancer', 'tumor', 'tumour', 'diabetes', 'hypertension', 'asthma', 'hiv', 'hepatitis', 'pneumonia', 'carcinoma'],
  ['allergies', 'allergic', 'allergie', 'alergias', 'allergia', 'antecedentes', 'anamnese', 'anamnesis', 'history of'],
  ['icd-10', 'icd', 'cpt', 'medical record', 'health insurance', 'medicare', 'medicaid', 'krankenkasse'],
].map((words) => wordSet(words))

const enoughGroups = 3

/** Whether the texts of a job are health data, given what was found in them. */
export function isHealthData(found: MaskedCounts, texts: Iterable<string>): boolean {
  const names = Object.keys(found)
  if (names.some((name) => healthEntities.has(name as Entity))) return true
  if (names.length === 0) return false
  const seen = new Set<number>()
  for (const text of texts) {
    const hits = findWords(text)
    for (const { id } of groups) if (hits[id]) seen.add(id)
    if (seen.size >= enoughGroups) return true
  }
  return false
}
