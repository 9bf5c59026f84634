/**
 * Words that tell what stands beside them, in the languages that matter most: one class for all languages, so that what
 * is learnt from English texts holds for the others.
 */
export const cue = {
  none: 0,
  /** `Mr`, `Dra`, `Frau`: a name follows. */
  title: 1,
  /** `Name:`, `Apellidos:`: fields that hold a name. */
  nameField: 2,
  /** `Patient:`, `Médico:`: fields and roles that a name follows as often as not. */
  personField: 3,
  /** `Dear`, `Hola`. */
  greeting: 4,
  /** `said`, `sagte`. */
  saying: 5,
  /** `in`, `from`, `nach`. */
  place: 6,
  /** `City:`, `Provincia:`, `near`. */
  placeField: 7,
  /** `Inc`, `GmbH`, `University`. */
  organisation: 8,
  /** `president`, `Minister`, `coach`. */
  office: 9,
  /** `van`, `de la`: between or before last names. */
  particle: 10,
  /** `sister`, `friend`, `hija`. */
  relative: 11,
  /** `Regards`, `Atentamente`. */
  farewell: 12,
  /** `at`, `works for`, `company`. */
  organisationField: 13,
  /** `I'm`, `soy`, `called`, `heißt`, `signed`. */
  naming: 14,
  /** Months, week days, languages: capitals that name nobody. */
  calendar: 15,
  /** `by`, `with`, `and`, `to`: little words that people and things follow. */
  link: 16,
  /** `street`, `calle`: an address rather than a name. */
  street: 17,
} as const

const words: Readonly<Record<Exclude<keyof typeof cue, 'none'>, string>> = {
  title: `mr mrs ms mx dr dra drs prof professor sir lady dame lord rev fr sr sra srta don doña dona señor señora señorita
    herr herrn frau hr dhr mevr mw mevrouw meneer sig sigra signor signora signore dott dottssa dottoressa dottore avv ing
    monsieur madame mademoiselle mme mlle m me maître senhor senhora doutor doutora doctor doctora docteur doktor fru fröken
    miss madam hon judge justice officer sgt sergeant capt captain col colonel gen general lt maj lic licda pan pani kpt
    sen rep gov pres pte cpl detective inspector sister brother father st`,
  nameField: `name names nombre nombres apellido apellidos nom noms prénom prénoms prenom nome cognome sobrenome apelido
    vorname nachname familienname naam voornaam achternaam namn förnamn efternamn navn fornavn etternavn imię nazwisko
    fullname firstname lastname surname username forename nickname alias imie isim soyad nimi`,
  personField: `patient patiente paciente pacient paziente pasient patienten contact contacto kontakt contatto contato
    employee empleado mitarbeiter employé dipendente funcionário medewerker doctor physician médico medico arzt ärztin
    médecin arts läkare nurse radiologist surgeon provider attending referring remitente responsable cardholder titular
    holder inhaber karteninhaber claimant plaintiff defendant petitioner respondent attorney counsel abogado abogada
    rechtsanwalt avocat avvocato advogado witness testigo zeuge client cliente kunde customer kund klant beneficiary
    beneficiario applicant solicitante student tenant mieter landlord arrendador inquilino author autor auteur from to cc
    bcc von an de para sender recipient absender empfänger destinatario destinataire attendees attendee attn manager
    supervisor assignee reporter reviewer owner user usuario benutzer firmado signed unterzeichnet signé representante
    insured asegurado versicherter policyholder resident guardian spouse facultativo pathologist dentist therapist guest
    account borrower`,
  greeting: `dear hi hello hey hola estimado estimada querido querida liebe lieber geehrte geehrter hallo bonjour cher chère
    salut ciao caro cara gentile egregio olá prezado prezada caro beste geachte hej bästa kära thanks thx gracias danke
    merci grazie obrigado bedankt tack welcome congrats congratulations happy morning afternoon evening goodbye bye`,
  saying: `said says say told tells asked asks added adds wrote writes replied tweeted announced explained thinks thought
    believes called died born married sagte sagt erklärte schrieb meinte fragte dijo dice explicó añadió escribió afirmó
    disse diz afirmou explicou escreveu contou dit déclaré écrit explique ha detto dice spiega scrisse zei zegt schreef sa
    säger skrev berättar testified stated argued noted scored played sang lives works presented reports denies`,
  place: `in from near into across throughout inside outside around aus nach bei im en desde hacia cerca em no na desde à
    au aux dans vers depuis uit naar från till i vid da dal dalla nel nella nei w z`,
  placeField: `city town village county province provincia provincias localidad municipio ciudad país pais country state
    region ort stadt land bundesland ville pays région città comune paese cidade estado stad gemeente plaats kommun location
    born birthplace nacido nacida nato nata geboren né née nascido lives live visiting visited traveling travel hometown
    capital river mountain mount lake island north south east west northern southern eastern western central downtown`,
  organisation: `inc corp corporation ltd limited llc llp plc co company gmbh ag kg ohg ug se sa sas sarl sl slu spa srl bv nv
    ab oy as aps group gruppe grupo holding holdings bank banco banque banca university universität universidad universidade
    université università college institute institut instituto school hospital clinic klinik klinikum clínica clinica
    foundation stiftung fundación association verein club fc cf united society council committee commission ministry
    ministerio ministerium department agency party partido partei union partners associates industries systems solutions
    technologies airlines airways press times post news league team museum church court society airport sons brothers`,
  office: `president vice minister chancellor secretary senator congressman governor mayor chairman chairwoman chair ceo cfo
    cto director manager coach king queen prince princess pope bishop ambassador commissioner spokesman spokeswoman
    spokesperson actor actress singer author writer rapper artist musician guitarist drummer striker midfielder goalkeeper
    captain leader founder editor journalist candidate lawyer attorney officer general präsident präsidentin
    bundeskanzler bundeskanzlerin kanzler kanzlerin minister ministerin bürgermeister sprecher trainer sänger schauspieler
    regisseur schriftsteller autor presidente presidenta ministro ministra alcalde director directora portavoz entrenador
    actor actriz cantante escritor rey reina prefeito deputado senador governador diretor treinador técnico jogador ator
    cantor président ministre maire directeur directrice porte-parole acteur actrice chanteur écrivain roi reine presidente
    sindaco direttore allenatore attore cantante scrittore president premier burgemeester directeur zanger schrijver
    statsminister ordförande direktör kung drottning skådespelare sångare författare`,
  particle: `van von der den de del dela della di da do dos das du la le las los el al bin ibn abu ben ter ten zu zum af av y e
    mac mc saint san santa santo`,
  relative: `mother father mom mum dad son daughter brother sister wife husband friend uncle aunt cousin grandmother
    grandfather boyfriend girlfriend partner colleague boss neighbor kid child hijo hija hermano hermana madre padre esposa
    esposo marido mujer amigo amiga sohn tochter bruder schwester mutter vater frau mann freund freundin kollege kollegin
    fils fille frère soeur mère père femme mari ami amie figlio figlia fratello sorella moglie marito amico filho filha irmão
    irmã mãe pai esposa zoon dochter broer zus moeder vader vrouw man vriend vriendin son dotter bror syster mor far vän`,
  farewell: `regards sincerely cheers best yours respectfully cordially atentamente saludos abrazo grüße grüßen gruß
    cordialement amicalement saluti cordiali atenciosamente abraço groeten groet hälsningar mvh kindest warmest truly love
    xoxo`,
  organisationField: `employer company organization organisation org firma empresa entreprise azienda bedrijf företag
    compañía hospital centro arbeitgeber at vendor supplier institution works worked working join joined hired`,
  naming: `i'm im am soy me bin is called named heißt heiße ist llama llamo llamado llamada appelle chiama chiamo chamo chama
    heet heter är signed by called known speaking meet introducing`,
  calendar: `january february march april may june july august september october november december jan feb mar apr jun jul aug
    sep sept oct nov dec monday tuesday wednesday thursday friday saturday sunday mon tue wed thu thurs fri sat sun enero
    febrero marzo abril mayo junio julio agosto septiembre octubre noviembre diciembre lunes martes miércoles jueves viernes
    sábado domingo januar februar märz mai juni juli oktober dezember montag dienstag mittwoch donnerstag freitag samstag
    sonntag janvier février avril juin juillet août septembre octobre novembre décembre lundi mardi mercredi jeudi vendredi
    samedi dimanche gennaio febbraio aprile maggio giugno luglio settembre ottobre dicembre janeiro fevereiro março maio
    junho julho setembro outubro dezembro maandag dinsdag woensdag donderdag vrijdag zaterdag zondag maart mei januari
    februari måndag tisdag onsdag torsdag fredag lördag söndag maj augusti english german french spanish italian portuguese
    dutch chinese japanese russian american british european christmas easter halloween`,
  link: `and with to by for about of vs versus & y con para por de und mit für et avec pour e con per com en met voor och med
    för og un that when because if where who while as than`,
  street: `street road avenue lane drive boulevard highway square calle avenida plaza paseo carretera straße strasse weg platz
    allee gasse rue boulevard place via viale piazza corso rua avenida praça straat laan plein gatan vägen st ave rd blvd apt
    suite c/`,
}

const cues = new Map<string, number>()
for (const [name, list] of Object.entries(words)) {
  // The first class that lists a word keeps it: classes are in the order of how much they say.
  for (const word of list.split(/\s+/)) {
    if (!cues.has(word)) cues.set(word, cue[name as Exclude<keyof typeof cue, 'none'>])
  }
}

/** The class of a word in small letters; 0 for a word that says nothing. */
export function cueOf(word: string): number {
  return cues.get(word) ?? cue.none
}
