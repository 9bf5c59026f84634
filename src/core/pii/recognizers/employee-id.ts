import { codeValue, findAnnounced } from '../announced.ts'
import type { Recognizer } from '../recognizer.ts'
import { wordSet } from '../word-set.ts'

const announcement = {
  entity: 'EMPLOYEE_ID',
  words: wordSet([
    'employee code',
    'employee identifier',
    'personnel no',
    'payroll no',
    'worker number',
    'associate id',
    'staff code',
    'workforce id',
    'hr id',
    ...[
      'employee id',
      'employee_id',
      'employeeid',
      'employee number',
      'employee no',
      'employee no.',
      'empid',
      'emp id',
    ],
    ...[
      'emp_id',
      'emp no',
      'staff id',
      'staff number',
      'staff_id',
      'staff no',
      'badge number',
      'badge id',
      'badge no',
      'payroll id',
    ],
    ...[
      'personnel number',
      'personnel id',
      'payroll number',
      'worker id',
      'personalnummer',
      'mitarbeiternummer',
      'personal-nr',
    ],
    ...[
      'matricule',
      'numéro employé',
      "numéro d'employé",
      'id empleado',
      'número de empleado',
      'legajo',
      'matricola',
      'medewerkersnummer',
    ],
    ...[
      'número de funcionário',
      'personeelsnummer',
      'numer pracownika',
      'anställningsnummer',
      'ansattnummer',
      'medarbejdernummer',
    ],
  ]),
  vague: wordSet(['employee', 'badge', 'staff', 'mitarbeiter', 'empleado', 'employé']),
  prefixes: wordSet(['emp', 'staff', 'ee', 'eid', 'badge', 'wrk', 'pers']),
  value: codeValue,
  minDigits: 3,
  score: 0.72,
} as const

export const employeeId: Recognizer = {
  entity: 'EMPLOYEE_ID',
  examples: {
    finds: [
      'Employee ID: ⟦EMP-19535⟧ |',
      '"employee_id": "⟦EMP-36681⟧"',
      'empid="⟦EMP-37341⟧"/>',
      'Record shows ⟦EMP-123456⟧.',
      'Hooli Inc (ID: ⟦EMP-4711⟧)',
      'Personalnummer ⟦004711⟧',
      'badge no. ⟦7781-A⟧',
    ],
    ignores: ['19535', 'employee of 3000', 'staff of 12', 'the employee id is unknown', 'emp 12', '500 employees: 20'],
  },
  find: (scan) => findAnnounced(scan, announcement),
}
