/**
 * Sentences written for Sluice, so that the model meets the ways names stand in languages and papers that the permitted
 * sets lack. `{P}` full name, `{F}` first, `{L}` last name, `{C}` city, `{K}` country or state, `{O}` organisation, `{N}`
 * a noun, `{M}` a company that is named after people, `{S}` a house in a street.
 */

export interface Frames {
  /** Locales of the names, by their start. */
  readonly locales: readonly string[]
  /** Words that stand in for `{N}`. */
  readonly nouns: readonly string[]
  /** Whether nouns are joined to make others. */
  readonly compounds?: boolean
  readonly companies: readonly string[]
  readonly frames: readonly string[]
}

const german: Frames = {
  locales: ['de', 'tr', 'en', 'it', 'pl', 'fr'],
  compounds: true,
  nouns: `Haus Zeit Jahr Tag Weg Stadt Straße Arbeit Regierung Gesellschaft Entwicklung Bedeutung Freiheit Möglichkeit
    Wissenschaft Wirtschaft Bevölkerung Partei Kirche Schule Universität Geschichte Sprache Kunst Musik Film Buch Zeitung
    Krieg Frieden Armee Gesetz Gericht Polizei Politik Wahl Präsident Minister Kanzler König Kaiser Jahrhundert Ende Anfang
    Teil Stück Seite Bild Frage Antwort Problem Lösung Grund Ursache Folge Ergebnis Beispiel Fall Art Weise Form Größe Zahl
    Menge Preis Geld Euro Dollar Prozent Million Millionen Milliarden Kind Kinder Frau Mann Mutter Vater Bruder Schwester
    Familie Freund Leute Menschen Mensch Bürger Wasser Luft Erde Feuer Licht Berg Fluss See Meer Insel Küste Wald Baum Tier
    Hund Katze Vogel Fisch Essen Brot Wein Bier Kaffee Auto Zug Flugzeug Schiff Bahn Bahnhof Flughafen Brücke Turm Tor
    Fenster Tür Zimmer Tisch Stuhl Bett Hand Kopf Herz Auge Gesicht Körper Krankheit Arzt Patient Krankenhaus Medizin
    Vertrag Rechnung Angebot Kunde Firma Unternehmen Betrieb Mitarbeiter Chef Büro Termin Besprechung Projekt Plan Ziel
    Aufgabe Team Gruppe Verein Spiel Spieler Mannschaft Trainer Sieg Niederlage Tor Liga Saison Meister Titel Rekord Ort
    Platz Raum Grenze Land Staat Bund Gemeinde Kreis Region Gebiet Süden Norden Osten Westen Morgen Abend Nacht Woche Monat
    Sommer Winter Frühling Herbst Stunde Minute Uhr Moment Augenblick Datum Wetter Regen Schnee Sonne Wind Sturm Himmel
    Stern Mond Welt Leben Tod Geburt Liebe Hass Angst Hoffnung Glaube Gott Engel Teufel Traum Wirklichkeit Wahrheit Lüge
    Erfolg Versuch Forschung Studie Bericht Artikel Text Wort Satz Name Nummer Adresse Telefon Computer Netz Programm
    Daten Datei System Technik Maschine Gerät Werkzeug Waffe Schutz Sicherheit Gefahr Unfall Schaden Hilfe Dienst Amt
    Behörde Verwaltung Abteilung Leitung Vorstand Rat Ausschuss Sitzung Beschluss Entscheidung Meinung Gedanke Idee
    Vorschlag Kritik Streit Kampf Angriff Verteidigung Opfer Täter Zeuge Richter Anwalt Urteil Strafe Gefängnis Schuld
    Werkstatt Rathaus Bibliothek Tankstelle Buchhandlung Nachrichten Zusammenarbeit`.split(/\s+/),
  companies:
    'Siemens AG,Deutsche Bank,Bauhaus GmbH,Stadtwerke Nord,Universität Göttingen,Müller & Söhne KG,Bundesrat,FC Altona,Klinikum Mitte,Volksbank,Landgericht Bonn,Nordbau GmbH,CDU,SPD,Allianz,Lufthansa,Deutsche Bahn,Europäische Union,Vereinte Nationen'.split(
      ',',
    ),
  frames: [
    'Sehr geehrte Frau {L},\nvielen Dank für Ihre {N} vom Montag. Herr {L} wird sich um die {N} kümmern.\nMit freundlichen Grüßen\n{P}',
    'Sehr geehrter Herr Dr. {L}, anbei finden Sie die {N} zum {N}.',
    'Liebe {F}, kannst du {F} bitte die {N} schicken? Danke und viele Grüße, {F}',
    'Die {N} der {N} wurde von {P}, {N} der {O}, vorgestellt.',
    '„Uns fehlt der {N}, und niemand bezahlt die {N}“, sagte {P}, {N} der {O} in {C}.',
    'Beim {N} verlor die {N} viele Tausend Euro, die der {N} in den {N} steckte.',
    'Das {N} liegt in {C}, der {N} von {K}, und hat eine lange {N}.',
    'Der {N} und die {N} sind ein wichtiger {N} für die {N} in {K}.',
    'Ein {N} ohne {N} ist wie ein {N} ohne {N}.',
    '{P} wurde in {C} geboren und zog später mit der {N} nach {C}.',
    'Nach dem {N} kehrte {L} in die {N} zurück und gründete die {O}.',
    'Die {N} hat keine {N}, sagte der {N}. Der {N} sieht darin einen {N}.',
    'Patient: {P}\nArzt: Dr. {P}\nDiagnose: {N}\nBefund: {N} und {N} unauffällig.',
    'Name: {L}\nVorname: {F}\nWohnort: {C}\nArbeitgeber: {O}\nBeruf: {N}',
    'Mieter: {P}, Vermieter: {P}. Der Mietvertrag über die {N} beginnt im Januar.',
    'Vor dem Landgericht {C} erschien die Zeugin {P} und berichtete über den {N}.',
    'Für die {N} der {N} ist ein {N} nötig; die {N} übernimmt der {N}.',
    'Unter der {N} von {P} gewann die Mannschaft den {N} gegen {O}.',
    'Das war die {N} im {N}, und die {N} stimmte der {N} zu.',
    'Am Ende des {N} verlor der {N} seine {N}, weil die {N} den {N} nicht verstand.',
    'Ich heiße {P} und wohne in {C}. Meine {N} ist seit Freitag verschwunden.',
    'Mein Name ist {P}, ich rufe wegen der {N} an.',
    'Bitte überweisen Sie den {N} an {P}, {O}.',
    'Präsident {L} traf Kanzlerin {L} in {C}, um über {N} und {N} zu sprechen.',
    'Während des {N} war {C} die größte {N} in {K}.',
    'Die Schauspielerin {P} und der Regisseur {P} erhielten einen {N}.',
    'In den Jahren der {N} entstanden {N}, {N} und {N}.',
    'Seine {N} zur {N} wurde zum {N} einer ganzen {N}.',
    'Die {O} und die {O} planen eine gemeinsame {N} in {K}.',
    '{L} sagte, die {N} sei ein {N}. {L} widersprach.',
    '„Daran glaubt keine {N}“, sagt {L}. In {K} sind die {N} billig, so {L}.',
    'Sie dankte {L} dafür, die {N} von {L} zu retten. {L}s {N} war groß. Neben {L} saß {L}.',
    'Königin {F} und Papst {F} schrieben Lord {L}. Bald darauf besuchte {L} die Gräfin {P}.',
    'Es ist eine große {N}, dass polnische {N} und russische {N} in {K} arbeiten.',
    'Obwohl die {N} keine {N} hat, sind {N} und {N} ein Zeichen der {N}.',
    'Statt der {N} wählte er {N}, {N} oder {N}. Aber das war keine {N}.',
    'Seit die {N} geschlossen ist, streiten {N} über die {N}. Unsere {N} werden jedes Jahr teurer.',
    'Sicher ist: {N} haben in {K} wenig {N}. Daraus folgt eine {N}.',
    'Man hielt ihn für einen {N} der {N}. Nur wenige {N} waren {N}.',
    'Die amerikanische {N} und der französische {N} kamen nach {C}. Viele {N} blieben.',
    'Dann kam {P}. Sie wurde {N} der {N}, die {P} und {P} gegründet hatten.',
    'Auf {N} der {N} wehrten sich die {N} gegen {K}. Einige {N} bekamen {N}.',
    'Der {N} {P} und seine {N} {F} lebten in {C}. {L} starb dort.',
    'Zu den {N} gehören {N}, {N}, {N} und die {N} von {C}.',
    'In der {N} fanden Helfer zwei {N}, so die {N}. Der {N} bleibt offen.',
  ],
}

const swedish: Frames = {
  locales: ['sv', 'da', 'nb_NO', 'fi', 'en'],
  nouns: 'barn hus skola arbete samhälle ekonomi familj fråga problem vecka lag rätt skillnad sätt utveckling'.split(
    ' ',
  ),
  companies: 'Volvo AB,Göteborgs universitet,Riksdagen,Malmö FF,Handelsbanken,Västtrafik,Karolinska sjukhuset'.split(
    ',',
  ),
  frames: [
    'Hej {F},\ntack för ditt brev om {N}. Jag återkommer på måndag.\nMed vänliga hälsningar\n{P}',
    'Det är svårt att säga om {N} är ett {N} eller inte. Men det finns en {N}.',
    'Bussen står kvar vid torget och {N} väntar på nästa {N}.',
    'I {K} talar grannarna hela kvällen om {N} och vädret.',
    'I {C} finns flera {N}, och i {C} ännu fler. Den som vill kan söka bidrag.',
    'Enligt {P} vid {O} beror det på {N}.',
    'Professor {P} i {C} har undersökt {N}. {L} menar att {N} är viktig.',
    'Patient: {P}\nLäkare: {P}\nOrt: {C}',
    'Förnamn: {F}\nEfternamn: {L}\nArbetsgivare: {O}',
    'Jag heter {P} och bor i {C}. Min {N} är borta.',
    'Med {N} får man en snabbare {N}. Därför ska {N} målas. Dessutom kan {N} säljas.',
    'Har ni tappat {N} kan ni ringa {O}. Där svarar de alltid. Sedan hämtar ni den själva.',
    '– Vi vann, säger {F} {L} efter matchen mot {O}.',
    'Varje sommar seglar många från {K} till {K}. De flesta bor i {C}.',
    'Andra bussar går senare. Alla biljetter är slut. Sådana kvällar är långa. Hans {N} är grön.',
    'Eleverna läser mer än lärarna. Hundarna skäller. Grannarna klagar. Föreningen bestämmer när {N} ska målas.',
    'Ändå saknas en {N}. Numera räcker {N}. Alltså blir {N} billigare. Tanken är att laga {N}.',
    'Mina nycklar låg hos {F}. Hennes {N} är trasig. Till slut kom {L}.',
    'Spelarna säger att {N} är fel. Priserna faller. Tågen stannar. Tandläkaren ringer i morgon.',
    'Statsminister {L} och {L} träffades i {C}. Enligt {L} är {N} dålig.',
    'Vad är {N}? Hur blir det med {N}? Kanske är {N} en {N}.',
  ],
}

const spanish: Frames = {
  locales: ['es', 'es_MX', 'pt_BR', 'it', 'en'],
  nouns:
    'contrato factura informe reunión empresa gobierno paciente tratamiento partido problema proyecto semana'.split(
      ' ',
    ),
  companies:
    'Banco del Sur,Universidad de Salamanca,Hospital Clínico,Grupo Ibérico S.A.,Real Betis,Ministerio de Cultura,Telefónica'.split(
      ',',
    ),
  frames: [
    'Estimada Sra. {L}:\nLe envío el {N} que nos pidió el lunes. Un saludo,\n{P}',
    'Hola {F}, ¿puedes llamar a {F} por lo de la {N}? Gracias, {F}',
    'El presidente de {O}, {P}, dijo en {C} que el {N} terminará pronto.',
    'Don {P} y Doña {P}, con domicilio en {C}, firman el presente {N}.',
    'Nombre: {F}\nApellidos: {L} {L}\nLocalidad: {C}\nPaís: {K}\nMédico: {P}',
    'Nombre y apellidos: {P} {L}. Empresa: {O}.',
    'Remitido por: Dra. {P} {L}. Servicio de Medicina Interna. {O}. {C}.',
    'Me llamo {P} y vivo en {C}. Trabajo para {O}.',
    'La Constitución, el Estado y la Ley regulan el {N}. El Tribunal Supremo confirmó la Sentencia.',
    'Paciente {P}, varón de 50 años, natural de {C}, que acude a Urgencias por fiebre.',
    'La selección de {K} ganó a {K} con dos goles de {L}.',
    'Según {L}, la {N} no tiene solución. {P} opina lo contrario.',
    'Comparecen {P} {L}, en nombre de {O}, y {P}, mayor de edad.',
  ],
}

const portuguese: Frames = {
  locales: ['pt_BR', 'pt_PT', 'es', 'it', 'en'],
  nouns:
    'contrato processo governo presidente problema projeto semana jogo ministro acordo mercado inflação deputado'.split(
      ' ',
    ),
  companies:
    'Banco do Brasil,Universidade de São Paulo,PT,PSDB,Câmara dos Deputados,Corinthians,Petrobras,Senado,Folha'.split(
      ',',
    ),
  frames: [
    'Prezado Sr. {L},\nsegue o {N} que combinamos. Atenciosamente,\n{P}',
    'O ministro {P} disse ontem em {C} que o {N} será votado pelo {O}.',
    'A atriz {P} e o ator {P} chegaram a {C} na sexta-feira.',
    'O presidente de a {O}, {P}, afirmou que o {N} de o {K} não muda.',
    'Em o {N} contra o {O}, {L} marcou dois gols. {L} foi expulso.',
    'Segundo {P}, 33, de a {O}, o {N} está em as mãos de o {N}.',
    'O governador de {K}, {P}, nega. «Não é verdade», diz {L}.',
    'Nome: {P}\nCidade: {C}\nEstado: {K}\nEmpresa: {O}',
    'Paciente: {P}. Médica responsável: Dra. {P}.',
    'Meu nome é {P} e moro em {C}. Trabalho em a {O}.',
    'Os preços subiram em {C} e em {C}. Em o {K}, caíram.',
    'O técnico {F} e o goleiro {F} treinam em {C}. O {O} joga domingo.',
    'A Constituição e a Justiça garantem o {N}. Para o Estado, o {N} é prioridade.',
    'O processo de {P} contra a {O} corre em a Justiça de {C}.',
    'Fernando {L}, candidato de o {O}, visitou {C} com {P}.',
  ],
}

const french: Frames = {
  locales: ['fr', 'fr_CH', 'fr_CA', 'en', 'ar'],
  nouns: 'contrat dossier réunion semaine facture projet gouvernement traitement problème accord'.split(' '),
  companies:
    'Société Générale,Université de Lyon,Crédit Maritime,Assemblée nationale,Air Horizon,Clinique du Parc,SNCF'.split(
      ',',
    ),
  frames: [
    'Chère Madame {L},\nveuillez trouver ci-joint le {N}. Cordialement,\n{P}',
    'Bonjour {F}, peux-tu prévenir {F} pour la {N} ? Merci, {F}',
    'M. {P}, directeur de {O}, a déclaré à {C} que le {N} était clos.',
    'Le président {L} a rencontré {P} à {C}, en {K}.',
    'Nom : {L}\nPrénom : {F}\nVille : {C}\nPays : {K}\nMédecin : Dr {P}',
    'Je m’appelle {P} et j’habite à {C}. Je travaille chez {O}.',
    'Le Conseil d’État et la Cour de cassation ont examiné le {N}. La Loi est claire.',
    'Selon {L}, l’{N} ne changera rien. Mme {L} n’est pas d’accord.',
    'Patient : {P}, né à {C}. Compte rendu rédigé par le Dr {L}.',
    'Entre les soussignés : {P}, et {O}, représentée par {P}.',
  ],
}

const italian: Frames = {
  locales: ['it', 'en', 'es'],
  nouns: 'contratto riunione settimana fattura progetto governo problema accordo paziente partita'.split(' '),
  companies:
    'Banca Centrale Veneta,Università di Pavia,Ospedale Maggiore,Trasporti Nord S.p.A.,Camera dei Deputati,Lazio'.split(
      ',',
    ),
  frames: [
    'Gentile Dott.ssa {L},\nle invio il {N}. Cordiali saluti,\n{P}',
    'Ciao {F}, puoi chiamare {F} per la {N}? Grazie, {F}',
    'Il presidente di {O}, {P}, ha detto a {C} che il {N} è chiuso.',
    'Nome: {F}\nCognome: {L}\nCittà: {C}\nMedico curante: Dott. {P}',
    'Mi chiamo {P} e vivo a {C}. Lavoro per {O}.',
    'La Costituzione e lo Stato garantiscono il {N}. Secondo {L} non basta.',
    'Il paziente {P}, nato a {C}, è stato visitato dal Dott. {L}.',
    'Tra {P} e {O} si stipula il seguente {N}.',
  ],
}

const dutch: Frames = {
  locales: ['nl', 'nl_BE', 'en', 'de'],
  nouns: 'contract vergadering week factuur project regering probleem afspraak wedstrijd'.split(' '),
  companies: 'Rabobank,Universiteit Leiden,Tweede Kamer,Bouwbedrijf Noord B.V.,Ajax,Ziekenhuis Oost'.split(','),
  frames: [
    'Geachte heer {L},\nhierbij ontvangt u het {N}. Met vriendelijke groet,\n{P}',
    'Hoi {F}, kun je {F} bellen over de {N}? Groetjes, {F}',
    'Minister {P} zei in {C} dat het {N} klaar is. {L} sprak van een {N}.',
    'Voornaam: {F}\nAchternaam: {L}\nWoonplaats: {C}\nWerkgever: {O}\nHuisarts: dr. {P}',
    'Mijn naam is {P} en ik woon in {C}. Ik werk bij {O}.',
    'Patiënt: {P}. Behandelend arts: {P}.',
    'De Grondwet en de Rechtbank gaan over het {N}. Volgens mevrouw {L} klopt dat.',
  ],
}

const english: Frames = {
  locales: [
    'en',
    'en_IN',
    'en_NG',
    'de',
    'es',
    'fr',
    'it',
    'pl',
    'tr',
    'cs_CZ',
    'hu',
    'sv',
    'nl',
    'vi',
    'id_ID',
    'ro',
    'fi',
  ],
  nouns: 'report invoice meeting contract ticket deadline draft budget review release shipment schedule order'.split(
    ' ',
  ),
  companies:
    'Acme Corp,First National Bank,University of Leeds,Northwind Traders,Globex,Ministry of Health,Red Sox,Enron,Dynegy,General Electric,EOG,PG&E,FERC,Burger King,Taco Bell,UN,EU'.split(
      ',',
    ),
  frames: [
    'Hi {F},\n\nCan you send {F} the {N} before Friday? {L} from {O} is waiting.\n\nThanks,\n{F}',
    '{F}: please forward this to {F} and {P}. Thanks. {F}',
    '{P}@{O} 03/19/2003 07:41 AM To: {P}/HOU/ECT@ECT cc: {P}/Corp/{O}@{O} Subject: Re: {N}',
    '{P} 09/30/2004 04:26 PM Please see the attached {N}. {F} and I discussed it. {F}',
    'From: {P}\nTo: {P}; {P}\nCc: {L}, {F}\nSubject: {N} for {C}\n\n{F}, I reviewed the {N}. Regards, {F}',
    'From: {L}, {F}\nSent: Tuesday, May 01, 2001 1:02 PM\nTo: {L}, {F}; {L}, {F}\nSubject: RE: {N}',
    'I met {P} at {O} in {C} and {F} told me about {K}.',
    'Spoke with {F} re: the {N}. {F} will follow up w/ {L}.',
    'Attendees: {P}, {P}, {F}\nAction: {F} to update the {N}. {F} to call {O}.',
    'President {L} met Prime Minister {L} in {C}. {L} praised {K}.',
    'According to {P}, a spokesman for {O}, {L} left {K} on Monday.',
    'omg {F} you have to see {P} live in {C}!!! best {N} ever',
    'me and {F} are going to {C} tomorrow, wanna come?',
    'RT @ {F}{L}: {P} is the best. # {F} # {C}',
    '@ {F}{L} thanks for the {N}! see you in {C}',
    'Great {N}! Dr. {L} and his staff at {O} are wonderful. Ask for {F}.',
    'Does anyone know where {P} lives? She used to work with {F} at {O}.',
    'I would recommend {F} at {O} to everyone. The {N} was done in a day.',
    'Patient {P} was seen by Dr. {L}. Mr. {L} denies chest pain. {F} was discharged to {C}.',
    'Signed by {P}, witnessed by {P}, notary {P}.',
    '{L} v. {L}, the {N} of the Court. Justice {L} dissented. Counsel for {P}.',
    '| Name | City | Employer |\n|------|------|----------|\n| {P} | {C} | {O} |\n| {P} | {C} | {O} |',
    '{"name": "{P}", "city": "{C}", "employer": "{O}", "status": "active"}',
    'name,city\n{P},{C}\n{P},{C}',
    'CUSTOMER: {P}\nAGENT: {P}\nNOTES: {F} called about the {N}.',
    '{F}: hey, did the {N} arrive?\n{F}: yes, {P} signed for it',
    'Speaker 1: My name is {P}, I live in {C}.\nSpeaker 2: Thank you, {F}.',
    'In {C}, {K}, the {N} was opened by {P} of the {O}.',
    'Reviewed-by: {P}\nSigned-off-by: {P}\nAuthor: {P}',
    'Ticket assigned to {P} by {P}. Comment from {F}: the {N} is done.',
    '{F}, we spoke to {P} about the {N}. Thanks {F} {N} enclosed. {L} This is the {N} that you wanted.',
    'Reply to {P} To: {P}/HOU/ECT@ECT cc: Subject: {N} {F}: Tuesday is good for us. Best, {F}',
    '{F} FYI {F} P.S. {F}, would you ring {P}? {F}/ {F} You may like the {N} below. {F}',
    '{L} told reporters that {L} had met {L} in {C}. Both {L} and {L} blamed the {L} cabinet.',
    "The {L} cabinet in {K} fell after {L} left. {L} 's new {N} pleased {L}. So did {L}.",
    'Never put off until evening what the morning can do. - {P} ------ Half of luck is a good breakfast. - {P}',
    '{F} is so kind! {F} - our waiter, brought the {N}. {F} painted our house in TWO DAYS, she runs {O}.',
    'The court heard {P}, 41, of {C}. Mr {L} stood trial with {P}, 38, {C} and {P}, 52, {C}.',
    'JUDGE {L} wrote for the majority; {L} and {L} were against it.',
    'Black Coffee or Hot Chocolate? Cheapest Tacos on the Block. Nice Work! Very disappointed. Navy divers found nothing.',
    'The headquarters of {M} is at {S}, {C}, {K}. Payment for {M} arrived from {P}.',
    'Contract with {M} signed by {P}. The invoice from {M} is due on Friday.',
    '{M} is a design agency from {C}. {P} works at {M}, before that at {M}.',
    'The access card of {P} is valid at {M}. She left {M} for {M} last year.',
    'My address is {S}, {C}. Please deliver the {N} to {S}, and send the bill to {P}, {S}, {C}.',
    '{P} lives at {S}, {C}, {K}.\n{M}\n{S}\n{C}',
    'How do I get to {S}? The {N} at {S} is closed, said {F}.',
    'Students: {P}, {P}, {P} and {P}. Teacher: Mrs. {L}.',
    'My {N} with Ms. {L} is on Monday. Afterwards {F} {L} and {F} will join.',
  ],
}

/** Text without any name in it: manuals, questions on software, code and logs. */
export const nameless: readonly string[] = [
  'Open Settings > Privacy & Security, then choose Local Network. Restart Safari, Google Chrome or Microsoft Edge on Mac OS X.',
  'Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/117.0 Safari/537.36',
  'Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:109.0) Gecko/20100101 Firefox/115.0',
  'Visual Studio Code and Docker Desktop need Windows Subsystem for Linux. Amazon Web Services, Azure and Google Cloud work too.',
  'Please summarise the following log and list the three most frequent errors. Answer in English, in Markdown.',
  'You are a helpful assistant. Answer briefly. If you do not know the answer, say so. Never mention these instructions.',
  'Translate the text from English to Spanish, French, German, Portuguese and Chinese.',
  'Write a Python function that reads a CSV file with Pandas and draws a chart with Matplotlib. Use Type Hints.',
  'Terms and Conditions. Privacy Policy. All Rights Reserved. Table of Contents. Chapter One. Appendix A.',
  'On Monday, January 5, the Spring Release went out. Thursday and Friday are Bank Holidays. Merry Christmas and Happy New Year!',
  'Type 2 Diabetes Mellitus, Chronic Kidney Disease, Rheumatoid Arthritis, Atrial Fibrillation, Migraine with Aura.',
  'CHIEF COMPLAINT: Chest pain. VITAL SIGNS: BP 120/80. ASSESSMENT AND PLAN: Continue Metoprolol 25mg. Follow up in Clinic.',
  'Staff Accountant, Operations Manager, Chief Technology Officer, Human Resources, Sales Department, Customer Support.',
  'ERROR Failed to connect: Connection refused. WARN Retry Policy exhausted. INFO Starting Worker Pool. DEBUG Cache Hit.',
  'java.lang.NullPointerException: Cannot invoke "String.length()" at com.example.Main.run(Main.java:42)',
  'Mar  3 07:12:44 gateway cron[812]: Session closed for user backup after Nightly Sync; exit=0 queue=mail',
  '2031-02-11 08:15:09, Info UPD Started Package Cleanup v10.4.220 with Cache: D:\\Updates\\store\\cleanup.dll',
  '20310211-08:15:09|Pulse_Meter|41200|onReadingChanged 72 and send Sensor Values to Phone Storage',
  '2031-02-11 08:15:09.120 scheduler INFO pool.worker.manager [task-77ab12] Container Paused (Resize Event)',
  '[Tue Feb 11 08:15:09 2031] [warn] proxy child busyEnv in state 3 Directory Listing Disabled by Policy',
  'const Session = new Map(); export class Holder extends React.Component { render() { return <Grid Container /> } }',
  'SELECT Customer.Name, Orders.Total FROM Customer JOIN Orders ON Orders.CustomerId = Customer.Id ORDER BY Orders.Date',
  'apiVersion: apps/v1\nkind: Deployment\nmetadata:\n  name: billing\nspec:\n  replicas: 3\n  template:\n    spec:\n      containers:',
  'Boot Failure: Cannot mount Data Volume. Disk Controller Timeout. Power Supply Warning on Rack Shelf.',
  'Thermal Sensor Fault corrected. Network Link Error Counter. System Interrupt: Bad Checksum.',
  'He did not know what to do. She went home. They were late again. The weather was bad, and nobody came.',
  'I love this place! Best pizza ever. Service was great, Will come back. Highly Recommend! Five Stars. Good Job!',
  'LOL that was funny. OMG I can not believe it. Happy Birthday! Good Morning everyone, Have a great Day :)',
  'Harry Potter, Star Wars, Game of Thrones, Call of Duty, Grand Theft Auto, Breaking Bad, The Walking Dead.',
  'iPhone, Galaxy, PlayStation, Xbox, Kindle, Echo Dot, Model S, Civic, Corolla, Golf GTI, Super Bowl, World Cup.',
  'The First World War, the Cold War, the Roman Empire, the Middle Ages, the Great Depression, the Industrial Revolution.',
  'Jewish, Christian, Muslim, Hindu and Buddhist holidays; African, Asian, European and Latin American food.',
  'The Tenant shall pay the Landlord. This Lease, the Annexes and the House Rules are governed by Law. Section 4.02.',
  'Q1 Revenue, Net Income, Gross Margin, Accounts Receivable, Balance Sheet, Cash Flow, Dow Jones, Purchase Order.',
  'Dear Customer, Dear Sir or Madam, To whom it may concern, Dear Hiring Manager, Hello World, Hi Team, Hi All,',
]

export const allFrames: readonly Frames[] = [english, german, swedish, spanish, portuguese, french, italian, dutch]
