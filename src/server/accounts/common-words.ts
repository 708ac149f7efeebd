// The words that passwords are most often made of, as data for common-passwords.ts.
// Provenance: written for Pawl by kind (habits, names, sports, pop culture, …) from what is generally known about
// password habits; no published list was copied. All are lower-case letters and digits; the rules in
// common-passwords.ts add what people do to them: repeating, capitals, digits, punctuation, look-alike characters.
// Owns no behaviour.

/** So frequent that two of them in a row are still a common password. */
const frequent = `
password passwort passwd parola contrasena motdepasse senha wachtwoord haslo heslo pass admin administrator root user
login welcome letmein iloveyou loveyou qwerty qwertz azerty dragon monkey master shadow sunshine princess football
baseball basketball superman batman starwars hello freedom whatever trustno1 secret access default changeme change
guest test testing tester temp demo sample service system server computer internet windows google facebook
summer winter spring autumn monday friday january december money lucky love angel baby family forever killer
charlie michael jordan jennifer jessica ashley nicole daniel thomas andrew soccer hockey liverpool arsenal chelsea
company office business manager support oracle cisco samsung apple android pokemon naruto minecraft abc123 123abc qwe123
my your new old mypassword yourpassword newpassword adminadmin rootroot adminpass userpass testpass letme
`;

const people = `
james john robert william david richard joseph charles christopher matthew anthony mark donald steven paul joshua
kenneth kevin brian george edward ronald timothy jason jeffrey ryan jacob gary nicholas eric jonathan stephen larry
justin scott brandon benjamin samuel gregory frank alexander raymond patrick jack dennis jerry tyler aaron jose adam
henry nathan douglas zachary peter kyle walter ethan jeremy harold keith christian roger noah gerald carl terry sean
austin arthur lawrence jesse dylan bryan joe billy bruce albert willie gabriel logan alan juan wayne roy ralph randy
eugene vincent russell elijah louis bobby philip johnny mary patricia linda elizabeth barbara susan sarah karen nancy
lisa betty margaret sandra kimberly emily donna michelle dorothy carol amanda melissa deborah stephanie rebecca sharon
laura cynthia kathleen amy shirley angela helen anna brenda pamela emma samantha katherine christine debra rachel
catherine carolyn janet ruth maria heather diane virginia julie joyce victoria olivia kelly christina lauren joan
evelyn judith megan cheryl andrea hannah martha jacqueline frances gloria ann teresa kathryn sara janice jean alice
madison doris abigail julia judy grace denise amber marilyn beverly danielle theresa sophia marie diana brittany
natalie isabella charlotte rose alexis kayla lily chloe alex max sam chris mike steve tony nick dave tom ben matt
andreas stefan martin wolfgang klaus jurgen sabine petra ursula claudia francesco giuseppe alessandro antonio marco
giulia francesca carlos miguel alejandro fernando diego pablo javier sergio rafael eduardo ricardo ivan dmitry sergey
vladimir natasha svetlana olga mohammed muhammad ahmed ali fatima omar hassan yusuf mehmet mustafa priya rahul krishna
`;

const playing = `
tennis golf rugby cricket boxing racing skate skater skateboard snowboard surfing swimming volleyball softball lacrosse
wrestling gymnastics karate judo taekwondo yankees redsox dodgers giants cowboys steelers packers eagles patriots
broncos raiders ravens chargers lakers celtics bulls chicagobulls rangers tigers lions bears dolphins falcons panthers
jaguars seahawks vikings saints chiefs bengals cardinals cubs mets braves angels phillies penguins redwings blackhawks
bruins canucks mapleleafs barcelona fcbarcelona realmadrid juventus milan acmilan intermilan bayern bayernmunchen
dortmund borussia manchester manchesterunited manchestercity manutd mancity tottenham everton newcastle westham celtic
liverpoolfc chelseafc arsenalfc ajax feyenoord benfica sporting galatasaray fenerbahce besiktas messi ronaldo cristiano
neymar beckham zidane ronaldinho michaeljordan kobebryant lebronjames chess poker gamer gaming player playboy player1
playstation nintendo xbox xbox360 mario luigi zelda sonic tetris pacman halo halflife counterstrike warcraft
worldofwarcraft starcraft diablo callofduty battlefield fortnite roblox leagueoflegends assassin skyrim fallout doom
quake runescape pikachu charizard digimon yugioh dragonball dragonballz goku vegeta sasuke itachi onepiece bleach
`;

const culture = `
spiderman ironman wolverine hulk thor avengers deadpool joker catwoman wonderwoman supergirl superstar superhero
captainamerica captain daredevil punisher xmen marvel darthvader skywalker lukeskywalker yoda chewbacca hansolo
stormtrooper jedi jedimaster maytheforcebewithyou startrek enterprise spock picard gandalf frodo bilbo legolas aragorn
lordoftherings hobbit harrypotter hermione dumbledore hogwarts slytherin gryffindor hufflepuff ravenclaw voldemort
simpsons homer bart southpark familyguy scooby scoobydoo snoopy garfield mickey mickeymouse minnie donald donaldduck
goofy pluto winnie winniethepooh tigger eeyore piglet bambi simba nemo shrek barbie hellokitty spongebob patrickstar
matrix neo trinity morpheus terminator rambo rocky godfather scarface jamesbond bond007 goldfinger gladiator braveheart
titanic avatar twilight hungergames gameofthrones winteriscoming friends sherlock metallica nirvana slipknot linkinpark
greenday eminem 50cent tupac 2pac biggie snoopdogg beatles thebeatles rollingstones acdc ledzeppelin pinkfloyd queen
guitar drummer bassman music musica rockstar rocknroll hiphop reggae bobmarley elvis elvispresley madonna britney
beyonce rihanna shakira gaga ladygaga justinbieber onedirection taylorswift bts blackpink dancer dancing singer singing
supercalifragilisticexpialidocious abracadabra hakunamatata openup opensesame sesame knockknock helloworld hellothere
onceuponatime tobeornottobe thequickbrownfox lazydog loremipsum godisgood godislove jesus
jesuschrist jesussaves christ blessed heaven lucifer satan bible church praise faith hallelujah allah bismillah
`;

const nature = `
animal animals tiger lion bear wolf wolves eagle falcon hawk panther jaguar leopard cheetah dolphin shark whale turtle
horse horses pony ponies cat cats kitty kitten kittens dog dogs doggie doggy puppy puppies bunny rabbit hamster mouse
chicken duck goose pig piggy cow monkeys gorilla elephant giraffe zebra panda koala kangaroo penguin lizard snake cobra
viper python spider scorpion butterfly ladybug bee bumblebee dragonfly unicorn phoenix griffin buster bailey molly bella
coco lola maggie sadie daisy lucy ginger pepper rusty sparky smokey bandit shadow1 cookie muffin peanut princess1 oreo
flower flowers roses lilly violet orchid jasmine tulip sunflower lavender tree forest garden river ocean beach mountain
island sunset sunrise sun moon moonlight star stars starlight sky rainbow thunder lightning storm rain snow snowflake
snowball winter1 summer1 fire ice water earth wind crystal diamond ruby emerald sapphire pearl gold golden silver
platinum bronze copper steel iron orange purple yellow green blue red black white pink brown violet1 blackcat bluesky
banana apple1 cherry strawberry blueberry mango peach lemon coconut watermelon pineapple chocolate vanilla caramel candy
sugar honey cheese butter bacon pizza burger hamburger hotdog taco burrito spaghetti pasta coffee espresso whiskey vodka
tequila corona heineken budweiser guinness beer wine champagne cocacola pepsi mountaindew drpepper redbull sprite
`;

const places = `
america usa unitedstates canada mexico brazil brasil argentina colombia chile peru venezuela england london britain
scotland ireland wales france paris germany deutschland berlin munich hamburg austria vienna switzerland zurich italy
italia rome roma napoli venice spain espana madrid portugal lisbon porto netherlands amsterdam holland belgium brussels
denmark sweden norway finland iceland poland polska warsaw czech prague hungary budapest romania bulgaria greece athens
turkey turkiye istanbul russia moscow ukraine kiev israel jerusalem egypt cairo morocco nigeria southafrica capetown
kenya india mumbai delhi newdelhi pakistan bangladesh china beijing shanghai hongkong taiwan japan tokyo osaka korea
seoul thailand bangkok vietnam indonesia jakarta bali malaysia singapore philippines manila australia sydney melbourne
newzealand auckland hawaii california losangeles sanfrancisco sandiego lasvegas arizona phoenix1 texas dallas houston
austin1 chicago illinois detroit michigan newyork newyorkcity brooklyn boston florida miami orlando atlanta georgia
virginia1 washington seattle oregon portland denver colorado alaska montana nevada utah ohio jersey newjersey carolina
`;

const machines = `
ferrari lamborghini porsche porsche911 mercedes mercedesbenz bmw audi volkswagen golfgti jetta passat toyota corolla
camry supra honda civic accord nissan skyline mazda subaru impreza mitsubishi lancer suzuki yamaha kawasaki ducati
harley harleydavidson harley1 mustang mustang1 camaro corvette chevy chevrolet dodge viper1 ford ranger1 jeep wrangler
hummer cadillac buick pontiac firebird renault peugeot citroen fiat alfaromeo volvo saab jaguar1 bentley rollsroyce
tesla truck trucker trucks biker driver racer racing1 nascar formula1 turbo engine diesel microsoft linux ubuntu debian
redhat fedora centos macintosh macbook iphone ipad ipod nokia motorola blackberry huawei xiaomi sony dell lenovo thinkpad
toshiba compaq hewlettpackard intel pentium athlon nvidia geforce radeon cisco123 router modem network wireless wifi
ethernet database postgres postgresql mysql mariadb sqlserver mongodb redis elastic kibana grafana jenkins docker
kubernetes ansible vagrant puppet gitlab github jira confluence wordpress drupal joomla magento tomcat apache nginx
websphere weblogic oracle1 sap12345 java javascript typescript python1 perl ruby1 golang scala csharp dotnet hacker
hacking hackme cyber security secure secured firewall antivirus crypto bitcoin ethereum dogecoin blockchain satoshi
netflix youtube instagram twitter whatsapp telegram snapchat tiktok linkedin myspace yahoo gmail hotmail outlook skype
discord spotify amazon ebay paypal alibaba walmart target starbucks mcdonalds adidas nike puma reebok
`;

const saying = `
ilove iloveu iloveyou1 iloveyou2 iloveyousomuch iloveyouforever iloveme iloveher ilovehim ilovegod ilovejesus ilovemom
ilovedad ilovemyself ilovemylife ilovemyfamily ilovemymom ilovemydog ilovemycat ilovemusic ilovefootball imissyou
missyou iwantyou ineedyou ihateyou ihatepasswords ihatethis fuckyou fuckoff fuckme fuck fucker motherfucker bullshit
shithead asshole bitch bitches bastard dickhead pussy pussycat cocksucker suckit biteme eatme kissme kiss kisses hugs
sexy sexygirl sexyboy sexybitch hottie hotgirl hot hotstuff babygirl babyboy babydoll sweetheart sweety sweetie darling
honeybun loveme lovely lover lovers loverboy lovebug loveislife truelove onelove mylove amor teamo tequiero teamomucho
amore tiamo jetaime ichliebedich kocham seniseviyorum nevergiveup livelaughlove carpediem yolo believe hope peace
peaceandlove happy happyday happiness smile smiley funny crazy stupid idiot loser winner champion champions legend hero
god godzilla king kingkong queen1 prince princesa princesse bigdaddy daddy daddysgirl mommy mother father brother sister
bestfriend bestfriends friend friendship girlfriend boyfriend husband wife mywife mykids children junior grandma family1
birthday happybirthday christmas merrychristmas halloween easter thanksgiving newyear happynewyear valentine holiday
vacation weekend school highschool college university student students teacher graduate classof work worker working job
boss ceo sales marketing finance accounting hr helpdesk reception training trainee intern contractor employee customer
client visitor public private personal confidential topsecret classified nopassword nopass nothing none null undefined
blank empty anything something someone anyone unknown anonymous private1 letmeinnow letmeinplease letmeinagain pleaseletmein
iforgot iforgotmypassword forgot forgetit remember rememberme dontforget donttouch keepout stayout noentry goaway getout
enter enterpassword entermypassword typepassword insertpassword thisismypassword thisisapassword thisispassword
mypasswordis mypasswordispassword thepassword apassword passwordispassword passwordforme strongpassword weakpassword
longpassword verylongpassword averylongpassword superlongpassword securepassword verysecurepassword supersecret
supersecretpassword secretpassword hardpassword easypassword simplepassword badpassword goodpassword bestpassword
greatpassword temporarypassword defaultpassword changethis changethispassword changepassword changemenow changemeplease
resetme resetpassword masterpassword mastermaster rootpassword toor adminpassword administratorpassword superuser
superadmin sysadmin webadmin webmaster hostmaster postmaster operator supervisor monitor backup backups master1 master123
maintenance nimda localhost localadmin domainadmin production staging development developer devops testtest test123
testuser testaccount tester1 testpassword example examplepassword foobar foobarbaz foobarfoobar quux asdf asdfasdf asdfjkl
zxcv zxcvzxcv qwer qwerqwer qweasd qweasdzxc qazwsx qazwsxedc asdzxc 1qaz2wsx zaq12wsx qwerty1 qwerty123 qwertyui
password1 password12 password123 p455w0rd pa55word passw0rd pword pwd pswd psw pass1 pass123 pass1234 admin1 admin123
admin1234 root123 welcome1 welcome123 hello123 hello1 abc abcabc abcd abcd1234 a1b2c3 a1b2c3d4 1a2b3c 1q2w3e 1q2w3e4r
1q2w3e4r5t q1w2e3r4 iloveyou123 monkey1 dragon1 letmein1 batman1 superman1 football1 baseball1 ncc1701 ncc1701d ncc1701e hunter hunter2
thx1138 r2d2c3po bond 007007 blink182 rush2112 4815162342 8675309 8008135 5201314 1314520 woaini woaini1314 wocaonima
`;

const read = (...texts: readonly string[]): ReadonlySet<string> => new Set(texts.join(" ").trim().split(/\s+/));

/** Words two of which in a row make a common password. */
export const frequentWords: ReadonlySet<string> = read(frequent);

/** Words one of which, repeated or decorated, makes a common password; the frequent ones included. */
export const commonWords: ReadonlySet<string> = read(
  frequent,
  people,
  playing,
  culture,
  nature,
  places,
  machines,
  saying,
);

/** Neighbours on keyboards, in alphabets and in counting: every stretch of three or more, either way, is a run. */
export const runLines: readonly string[] = [
  "12345678901234567890",
  "abcdefghijklmnopqrstuvwxyzabc",
  "qwertyuiop",
  "asdfghjkl",
  "zxcvbnm",
  "qwertzuiop",
  "yxcvbnm",
  "azertyuiop",
  "qsdfghjklm",
  "wxcvbn",
  "!@#$%^&*()_+",
  "1qaz",
  "2wsx",
  "3edc",
  "4rfv",
  "5tgb",
  "6yhn",
  "7ujm",
  "8ik",
  "9ol",
  "1q2w3e4r5t6y7u8i9o0p",
  "q1w2e3r4t5y6u7i8o9p0",
  "1a2b3c4d5e6f7g8h9i0j",
  "a1b2c3d4e5f6g7h8i9j0",
  "qawsedrftgyhujikolp",
  "147258369",
  "159357",
  "02468",
  "13579",
  "йцукенгшщзхъ",
  "фывапролджэ",
  "ячсмитьбю",
  "абвгдеёжзийклмнопрстуфхцчшщъыьэюя",
  "αβγδεζηθικλμνξοπρστυφχψω",
];
