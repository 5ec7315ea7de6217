//! Word lists for telling names from other words. General English, nothing fitted to one data set.

use std::collections::HashSet;
use std::sync::LazyLock;

/// Common given names of the English-speaking world and of its larger immigrant communities.
const FIRST_NAMES: &str = "\
aaron abby abdul abhinav abigail adam adrian adriana ahmed aidan aisha ajay akash al alan alana albert alejandra alejandro alex alexa alexander \
alexandra alexis alfred ali alice alicia alina alison allan allen allison alyssa amanda amber amelia amir amit amy ana andre andrea andrew andy \
angel angela angelica angie anika anil anita ann anna anne annette annie anthony antonia antonio anuj april arjun arlene arnold art arthur arturo \
arun asha ashley ashok audrey austin ava barbara barry beatrice becky ben benjamin bernard bernice bert bertha beth bethany betty beverly bill \
billy blake bob bobby bonnie boris brad bradley brandon brandy brandi brenda brendan brent brett brian brianna bridget brittany brooke bruce bryan \
bryanna byron caleb calvin cameron camila candace carl carla carlos carmen carol carole carolina caroline carolyn carrie casey cassandra cathy \
catherine cecilia cedric celia cesar chad chandra charlene charles charlie charlotte chelsea chen cheryl chester chloe chris christian christina \
christine christopher christy cindy claire clara clarence claude claudia clayton clifford clint clinton clyde cody colin colleen connie connor \
consuela corey cory courtney craig cristina crystal curtis cynthia daisy dale damian damon dan dana daniel daniela danielle danny darlene darrell darren \
daryl dave david dawn dean deanna debbie deborah debra deepak delores denise dennis derek derrick desiree devon diana diane diego dina \
dinesh dolores dominic don donald donna dora doreen doris dorothy doug douglas drew duane dustin dwayne dwight dylan earl ed eddie edgar \
edith edna eduardo edward edwin eileen elaine eleanor elena eli elias elijah elise elizabeth ella ellen ellie elliot eloise elsie emilia emilio emily emma \
enrique eric erica erik erika erin ernest ernesto esteban esther ethan ethel eugene eva evan evelyn faith farah fatima felicia felix fernando \
fiona florence floyd frances francesca francis francisco frank franklin fred freda frieda frederick gabriel gabriela gabrielle gail garrett gary gavin \
gene geoffrey george georgia gerald geraldine gerard gianna gilbert gina ginger giovanni gladys glen glenda glenn gloria gordon grace graham grant \
greg gregory greta guadalupe guillermo gupta gus guy gwen hadley hailey hal hana hannah hans harold harriet harris harry harvey hassan hazel heather hector \
heidi helen henry herbert herman hilary hiroshi holly hope howard hugh hugo ian ibrahim ida ignacio igor imran ines ingrid irene iris irma isaac isabel \
isabella isaiah isla ivan ivy jack jackie jackson jacob jacqueline jacques jade jaime jake james jamie jan jane janet janice jared jasbir jasmine jason javier \
jay jayesh jean jeanette jeanne jeff jeffrey jen jenna jennifer jenny jeremiah jeremy jerome jerry jesse jessica jessie jesus jill jim jimmie jimmy jin jo joan \
joann joanna joanne joe joel joey johanna john johnny jon jonathan jonah jordan jorge jose joseph josephine josh joshua joy joyce juan juana juanita judith \
judy julia julian juliana julie juliet julio june justin kamal karan karen karim karina karl kate katherine kathleen kathryn kathy katie katrina \
kavita kay kayla keith kelly kelsey ken kendra kenji kenneth kenny kent kerry kevin khadija khalid kim kimberly kiran kirk kishore krishna kristen \
kristi kristin kristina kristy kumar kurt kyle lakshmi lance larry latisha laura lauren laurence laurie lawrence layla leah lee leila lena leo leon leonard leroy \
leslie lester lewis li liam lillian lily lin linda lindsay lindsey lisa lloyd logan lois lola loretta lori lorraine louis louise lucas lucia \
lucille lucy luis luke luna luther lydia lynn mabel mackenzie maddie madeline madison mae maggie magda mahmoud malcolm malik mandy manuel marc marcia \
marco marcos marcus margaret margarita maria mariah marian marianne marie marilyn mario marion marisol marissa marjorie mark marlene marsha marshall martha \
martin marvin mary mason mateo mathew matt matthew maureen maurice max maxine may maya megan meghan mei melanie melinda melissa melody melvin mercedes \
meredith mia micah michael michele michelle miguel mike mildred miles milton mindy ming miranda miriam mitchell mohamed mohammad mohammed mohan \
moira molly mona monica monique morgan morris moses muhammad myra myron nadia nancy naomi natalia natalie nathan nathaniel neal neha neil nelson \
nia nicholas nick nicola nicolas nicole nigel nikhil nikki nina nisha noah noel nora norma norman olga oliver olivia omar oscar owen pablo paige pam \
pamela parker pat patel patricia patrick patty paul paula pauline pearl pedro peggy penelope penny percy perry pete peter phil philip phillip phoebe \
phyllis pierre piotr pooja pranav preston priya priyanka rachel rafael raghav rahul raj rajesh ralph ramesh ramon ramona randall randy raquel rashid raul ravi \
ray raymond rebecca reena reggie regina reginald rekha renee rex rhonda ricardo richard rick ricky riley rita rj rob robert roberta roberto robin \
rochelle rodney roger rohan rohit roland ron ronald ronnie rosa rosalie rose rosemary rosie ross roy ruben ruby rudy rufus russell ruth ryan sabrina \
sadie sally salma salvador sam samantha samir samuel sandeep sandra sandy sanjay santiago sara sarah saul scott sean sebastian selena serena sergei sergio \
seth shane shannon sharon shaun shawn sheila shelby shelley shelly sherri sherry sheryl shirley sid sidney sierra silvia simon simone sofia sonia sonya \
sophia sophie spencer srinivas stacey stacy stan stanley stefan stella stephanie stephen steve steven stewart stuart sue sunil suresh susan susana \
susanna susie suzanne svetlana sydney sylvia tamara tammy tanya tara tasha tatiana taylor ted teresa terrance terri terry tessa thelma theo theodore \
theresa thomas tiffany tim timothy tina toby todd tom tomas tommy toni tony tonya tracey traci tracy travis trent trevor tricia trisha troy tyler \
tyrone ursula valerie vanessa vera vernon veronica vicki vicky victor victoria vijay vikram vincent viola violet virginia vivian vladimir wade walter \
wanda warren wayne wei wendy wesley whitney will willard william willie wilma wilson winston xavier xiao yan yasmin yolanda yosef yuki yumi yusuf yvette \
yvonne zach zachary zane zara zoe zoey emil heath sheryl rosario marlon tessa allie alison janelle tanisha latoya \
keisha shanice deshawn darnell jamal malik tyrell ebony precious kiara jada aaliyah destiny imani";

/// Given names that are as often another word, a place or a brand: alone they prove nothing.
const AMBIGUOUS: &str = "\
al an angel april art august austin bill brandy brook brooke chad chance chase chelsea christian crystal daisy dale dawn dean devon diamond don drew \
ed eve faith florence frank gene georgia ginger glen grace grant guy guadalupe hazel heath holly hope houston iris ivy jack jackson jade jan jasmine jean jesus jordan joy \
june kay kent lance lee li lily lin lincoln london madison mark marshall mason max may melody mercedes miles ming morgan olive page paige paris parker pat \
pearl penny perry precious preston ray rex rich rob robin rose ross roy ruby santiago savannah sid sierra spencer stewart sue summer sydney taylor ted \
terry todd tony troy victoria violet viola virginia wade warren washington wayne wesley whitney will wilson destiny ebony luna logan salvador san sandy mae mei noel";

/// Words that are no part of a name where a name could stand.
const COMMON: &str = "\
a able about above absolutely accept access accident account accounts across actually ad add adding address adults adult after afternoon again against age agent ago ahead \
airport alert all almost alone along already also alright although always am amount an and angry annual another answer any anybody anymore anyone anything anyway \
anyways anywhere apartment app apparently apply applying appointment appointments appreciate are area around arrange arrive arriving as ask asked asking at atm attempt auto autopay \
available away awesome back bad badly balance bank banking basic bathroom be because become bed been before began begin behind being believe best better between \
big bigger bill billing bills birthday bit black blocked blue board book booked booking boss both bought break breakfast bring broke broken brother brought bucks \
budget building business busy but buy buying by cab calendar call called caller calling can cancel canceled cancelled cancelling cannot cant car card cards care case cash cat \
center certain chance change changed changing charge charged charges cheap check checked checking checks child children city claim clean cleaning clear client close \
closed closest coffee cold come comes coming company complaint complete completely concerned concerning confirm confused contact contacts cool correct cost could couldn't country couple course cover \
coverage coworker credit current currently customer customers dad daily damage date daughter day days deal dear debit december declined deep definitely delay delayed delivery deposit desperate \
detail details did didn't died different difficult dining dinner direct disappointed do doctor does doesn't dog doing dollars don't done door double down drain driving drop due during e \
each earlier early easy eat eight either electric else email emails emergency end english enough enquiring enquire enroll entire error especially euros even evening event ever every everybody \
everyone everything everywhere exactly excellent except excited expensive experience experiencing extra eye family fan far fast father faucet fault favor fee fees feel feeling few fifteen fifty figure file fill final \
finally find finding fine finish first five fix fixed fixing flight floor following food for foreign forever forget forgot forty found four free friday friend friends from front frozen frustrated full \
fully fun funds furnace furthermore future game garage gas gave get gets getting girlfriend give given giving glad go goes going gold gone gonna good got gotta grateful great greetings group \
guest guests gym had half hand happened happening happy hard has hasn't hate have haven't having he head health hear heard heat heater heating hello help helping helps her here hers herself hey hi \
high him himself his hiya hold holiday home hope hoping hospital hot hotel hour hours house how however huge hundred hungry hurry hurt husband i i'd i'll i'm i've idea if ill im immediately important in \
inbox including indoor indoors info inform information inquiring inside instead insurance insured interested interest international internet into investment is isn't issue issues it it's its itself january \
job july just keep kept key kid kids kind kitchen knew know known lady large last late lately later lead leak leaking learn least leave leaving left less let lets letter lifetime light like liked limit line \
list listed little live living loan local located location locked long longer look looked looking lose losing lost lot lots loud love low lunch machine mad made mail main make makes making man manage management manager \
many march married massage master matter may maybe me meal mean medical meet meeting member mention message mid middle might mine minute minutes missed missing mistake mom moment monday money month monthly \
months more morning mortgage most mother move moved moving much mum music must my myself name names near nearby nearest need needed needing needs neighbor neither nervous never new newest next nice \
night nine no nobody none noon nope nor normal not nothing notice now number numbers o'clock obviously october of off offer offered office often oh ok okay old on once one ones online only open \
opened opening operator option options or order ordered ordering other others our ours out outdoor outdoors outside over overall overdraft own owner owned paid parent parents park parking part particular partner \
party passport password past pay payee paying payment payments pending people perfect perhaps person personal pet phone pick picture pin pipe place placed plan planning play please pleased pleasure plumber plumbing plus pm point \
police policy pool possible possibly post postcode pounds power prefer premium present pressed pretty previous price pricing private probably problem problems process product professional program proof properly property provide \
provider public purchase purchased purpose put question questions quick quickly quite quote rate rates rather reach reached reaching read ready real really reason receive received receiver recent recently recipient \
record red refund regarding registered regret regular related remaining remember remind reminder rent rental repair replace replacement reply report request reschedule research reservation reservations reserve reserved \
resident restaurant return returning revert review ride right room rooms run running sad safe said same sat saturday save savings saw say saying says schedule scheduled scheduling school screen seat seats second seconds \
security see seeing seem seems seen self sell send sending sent september serious service services session set setting seven several shall share she should show shower shown sick side sign simple since single \
sink sir sister site situation six small so social some somebody someone something sometime sometimes somewhere son soon sorry sort sound spa speak speaking special specialist spend spending spent spot spouse staff standard standing \
start started starting state statement statements stay staying step still stock stolen stop stopped store story straight street stressed strongly stuck student stuff such sudden suggest suite sunday super supposed sure \
surgery surprised sweet system table take taken takes taking talk talking tax taxi team technician tell telling ten tenant terrible text than thank thanks that that's the their theirs them themselves then there there's \
these they they're thing things think thinking third thirteen thirty this those though thought thousand three through thursday thus ticket till time times tiny tip tired to today together toilet told tomorrow tonight too took \
top total totally touch toward town train transaction transactions transfer transferred travel traveling treatment tried trip trouble true try trying tuesday turn tv twelve twenty twice two type um unable unauthorized under unhappy \
unfortunately unit until unto up update upgrade upset urgent us use used user using usual usually utility vacation valid value vehicle verify very via visit voicemail wait waiting walk wall wanna want wanted wanting \
wants warm warning was washing wasn't waste water way we we'd we'll we're we've website wedding wednesday week weekend weekly weeks well went were weren't what what's whatever when whenever where whether which while white \
who whoever whole whom whose why wife wild window winter wire wish with within without woman women won't wonderful wondering word work worked worker working works world worried worry worse worst would wouldn't wrong \
yeah year years yellow yep yes yesterday yet you you'd you'll you're you've young your yours yourself zero hiya bye hoping yo uh er hmm ma'am gonna lemme newly \
january february april june august november monday's sept oct nov dec jan feb mar apr jun jul aug mon tue wed thu fri sun \
am's patient vegan vegetarian allergic diabetic pregnant celiac coeliac disabled retired unemployed self-employed american canadian british mexican indian chinese german french italian spanish \
overseas abroad another's bank's checking saving visa mastercard amex paypal cashapp venmo uber amazon google apple netflix starbucks mcdonald's walmart target costco hyatt hilton marriott \
north south east west northeast northwest southeast southwest central downtown uptown euro dollar pound usd gbp eur birthday's anniversary \
unlimited upcoming latest medium smart mobile digital customer's client's company's lawyer attorney dentist therapist landlord tenant homeowner roof roofing gutter lawn hvac ac a/c conditioning conditioner air carpet pest termite \
mice rats electrician locksmith handyman contractor estimate inspection installation maintenance tune-up cleaning's warranty invoice technician's dispatch dispatcher front-desk reception receptionist supervisor representative rep \
blocking freeze frozen pending declined stolen lost expired fraudulent suspicious confirmed unconfirmed existing joint current deposit withdrawal withdraw pedicure manicure haircut hair nails facial gel color \
table's booking's reservation's dinner's brunch supper buffet birthday-party toddler infant baby babies girls boys ladies gentlemen folks everyone's nobody's gentleman girl boy mate guys dude \
recommend recommended cancellation confirmation subscription unsubscribe membership gift donation donate charity taxes tuition rent's groceries grocery utilities electricity broadband internet's \
isn don doesn wasn couldn ain aren didn hasn haven wouldn shouldn weren hadn mustn needn won ll ve re um uh er uhm \
christmas thanksgiving easter halloween hanukkah ramadan catholic jewish muslim hindu buddhist protestant baptist atheist republican democrat texan \
decide choose notify consult jot confirm connect exchange criminal legal activity federal specialists advisor advisors advisory associates arrest fraud kindly \
important raining snowing freezing currencies penalties further supervisor's opera cinema concert tweet discuss overall resend cancelled massage show shows showing tonight's dispute declare describe design develop discover drink drive drop eat edit educate employ enable encourage \
enjoy enter establish evaluate examine exist expand expect explore express extend fail fall fight fit fly follow force form gain gather generate grow guarantee guess guide handle hang happen hide hire hit identify ignore imagine \
improve increase decrease indicate influence introduce invest invite involve join judge jump keep kick kill kiss laugh launch lay lie lift link listen load maintain manage mark match measure mix monitor multiply obtain occur \
operate organize overcome paint pass perform pack plant play point post pour practice practise praise pray preach predict prepare press pretend prevent print proceed produce promise promote propose protect prove publish pull punish push \
raise realize recognise recognize reduce refer reflect refuse reject relax release rely remain render repeat represent require rescue resolve respond rest restrict result retain reveal rise roll rub rule ruin save score \
search secure seek select separate serve settle shake shape shine shoot shut sing sit sleep slip smell smile smoke solve spell spill split spoil spread stand steal stick stretch strike struggle study submit succeed suffer supply support suppose \
surround suspect swim swing switch taste teach tear tend thank throw tie train translate treat trust understand unite vary vote wake walk warn wash watch wave wear weigh whisper win wonder worship wrap write yell \
abroad artist author average award bag ball baseball basket beach bear beautiful beauty beef beer bell belt bench bike bird boat body bone bottle bowl box brain branch bread bridge bright brush bucket bug bus butter button \
camera camp candle captain carrot castle ceiling chain chair chicken church circle class client clock cloth cloud coat coin college comfort committee computer corner cotton council counter court cow cream crowd culture cup curtain \
danger dark deck degree desk difference dish dress dust duty ear earth edge education egg energy engine engineer evidence exam example exercise expert eye face fact factory farm farmer fashion fear field film finger fire fish flag \
flower fly foot football forest fork forum freedom fruit fuel garden gate glass goal grass ground growth guard hall hammer hat heart height hill history hole honey horse hotel ice image inch industry ink insect iron island \
jacket jail jam jar jelly jewel joint journey juice kettle kick kitchen knee knife lake lamp language laptop law leaf leather leg lesson level library lip liquid lock locker lock luck lung magic map marble market mask meat medicine \
memory metal middle milk mind minister mirror model modem month moon motor mountain mouth movie museum nail nation nature neck needle nerve nest network news newspaper noise nose note notebook nurse ocean office oil orange oven page \
pain pan pants paper parcel path pattern pencil pepper picture pig pizza plane plate player pocket poem porch pot powder president prince prison prize profit queen quiet rabbit radio railway rain range rat record rhythm rice river rock rod roof \
root rope sail salad salt sand scale school science seed sense shade shadow sheep sheet shelf ship shirt shoe shoulder siding silver size skin sky slope snow soap sock soil soup space spark spoon sport spring square stage stairs star station \
steam steel stomach stone storm stove string sugar suit sun swim table tail tank tea teacher telephone tent texture theory thread throat thumb thunder tile toast toe tongue tool tooth touch tower toy trade tray tree truck twist umbrella uncle \
university valley van vegetable vessel video view village voice volume wallet war wheel whistle wind wine wing wood wool yard absent active alive alone angry asleep awake bare bitter brave brief broad calm careful civil \
clever common complex cruel curious dead deaf delicate dirty dry elastic equal exact famous fat fertile fierce firm flat foolish fresh gentle grand gray grey grateful hollow holy honest hungry ill innocent jealous keen kind lazy legal \
likely loose loud lucky mean modern moral narrow natural neat noble numb odd pale parallel past plain polite poor proud pure rapid rare raw responsible rich ripe rotten rough royal rude rural sharp shy silent silly slow smooth soft solid sour steep \
sticky stiff strange strict strong stupid sweet swift tall thick thin tight tough ugly useful vague violent violet weak wealthy wet wicked wide wise wooden worthy wrong \
greater smaller bigger lower higher fewer none's some's i.e e.g etc vs per cent percent approximately roughly nearly exactly maybe perhaps anyhow besides despite unless though whereas therefore";

/// Words after a first name that begin something else ("Mike with the gas company").
const AFTER_NAME: &str = "from with at on in for and or about to calling here speaking again back over number's email's i is are was has had";

/// Words that make what they stand in an organisation, a place or a thing.
const ORGANISATION: &str = "\
deli emporium garden gardens steakhouse steaks lobster robin hills heights beach valley springs creek falls crossing saloon specialists department restaurant restaurants bar grill cafe coffee bistro brasserie brasseries kitchen pizza pizzeria diner tavern pub inn hotel hotels motel suites resort lodge bank banking \
insurance company corp corporation inc llc ltd co group services service store stores shop shops salon spa clinic hospital medical dental dentistry pharmacy center centre \
school college university church station airport mall plaza park street avenue road drive lane boulevard apartments apartment property account accounts card cards \
app website support administration department agency office team foundation association club gym theatre theater museum stadium county city beach bakery laundry \
plumbing heating cooling electric roofing motors auto autos repair solutions systems technologies tech media mobile energy gas water power airlines airways rentals \
express house homes home realty estate estates market supermarket buffet sushi tacos burger burgers noodles thai chinese indian italian mexican japanese \
business enterprises industries holdings partners associates trust loan mortgage subscription shares stock index investment delivery package order policy plan";

/// Towns, states and countries that stand where a name could.
const PLACES: &str = "\
alabama alaska arizona arkansas california colorado connecticut delaware florida georgia hawaii idaho illinois indiana iowa kansas kentucky louisiana maine maryland massachusetts \
michigan minnesota mississippi missouri montana nebraska nevada ohio oklahoma oregon pennsylvania tennessee texas utah vermont virginia washington wisconsin wyoming \
london paris sydney berlin rome madrid dublin toronto vancouver chicago houston dallas austin boston seattle portland denver phoenix miami atlanta philadelphia philly \
detroit oakland sacramento fresno anaheim vegas orlando tampa charlotte nashville memphis baltimore cleveland columbus indianapolis milwaukee minneapolis york jersey \
francisco diego jose angeles antonio england britain ireland scotland wales france germany spain italy canada mexico india china japan australia europe asia africa america \
usa uk us la sf nyc ny ca tx mumbai delhi chennai bangalore kolkata pune oxford cambridge manchester liverpool leeds bristol brussels amsterdam vienna prague zurich dubai \
singapore bangkok tokyo beijing shanghai seoul jakarta manila lisbon athens istanbul moscow cairo nairobi lagos johannesburg cuba brazil argentina chile peru colombia";

/// Brands that look like people.
const BRANDS: &str = "\
wendy wendys mcdonald mcdonalds denny dennys arby arbys macy macys walmart amazon google apple uber lyft netflix spotify starbucks target costco visa mastercard chase citi wells \
fargo barclays santander lloyds monzo revolut paypal venmo zelle hyatt hilton marriott airbnb expedia tesco sainsbury waitrose asda morrisons boots greggs pret nando nandos domino dominos papa \
ford tesla honda toyota nissan bmw audi mercedes yahoo gmail hotmail outlook facebook twitter instagram whatsapp microsoft samsung verizon comcast xfinity sprint bose nike adidas ebay etsy sony lg panasonic dell hp spectrum directv at&t bbc cnn doordash grubhub instacart opentable yelp toyota bank patagonia sephora argos currys boohoo zara uniqlo primark \
fedex ups usps dhl godaddy telegraph hulu disney subway kfc popeyes ikea lowes depot kroger safeway publix aldi lidl walgreens cvs gamestop adobe medicare medicaid siri alexa cortana";

/// What belongs to a person, though an organisation can have it too: "Frieda's home address", "johns office number".
const BELONGING: &str = "home house office mobile phone card account property email number school car business group team order policy plan shares package";

/// What a person has in sentences that name the person: "Mary's number". A shop's name has anything else after it.
const POSSESSED: &str = "home house office mobile phone number email emails mail birthday birthdays address party wedding meeting name calendar cell telephone contact contacts \
work info information card account savings saving checking details mother father wife husband son daughter sister brother appointment message messages car place room";

/// What carries a name and is no person.
const THINGS: &str = "place dog cat pet puppy kitten horse street road brand file product project model user username screen domain medication drug plan company \
business restaurant hotel one boat song movie show book app item building brand band";

/// What a number before it counts, so that it is no hour.
const COUNTED: &str = "\
people persons person personas adults adult kids kid children child guests guest of percent % pounds pound \
dollars dollar euros euro bucks cents days day nights night's weeks week months month years year hours hour \
minutes minute mins rooms room seats tables table pax thousand hundred million star stars times miles feet \
foot ft bedroom bedrooms bed bath degrees gallon gallons units unit windows doors inch inches or street avenue \
road st ave drive lane x";

/// What can follow a bare day of the month ("the 14th at noon").
const AFTER_DAY: &str = "\
. , ? ! at to until till through for and or in if please with of from because i but so instead then thanks \
thank when as is would works around check checking returning how by okay ok - – after before morning afternoon \
evening night we";

/// What can stand before "the 14th" when that is a day.
const BEFORE_THE_DAY: &str = "\
for is and be it make also want need book no yes out in was starts night instead about arriving leaving or me";

/// What can follow a bare hour ("at eight please").
const AFTER_HOUR: &str = "\
. , ? ! please on tomorrow today tonight for and to until till if but this in under thanks thank with is my \
because so can then works instead monday tuesday wednesday thursday friday saturday sunday next i we would or \
ok okay the a - at outside by indoors from";

fn set(words: &'static str) -> HashSet<&'static str> {
    words.split_whitespace().collect()
}

macro_rules! lists {
    ($($name:ident = $words:ident, $doc:literal;)*) => {$(
        #[doc = $doc]
        pub(crate) fn $name(word: &str) -> bool {
            static SET: LazyLock<HashSet<&'static str>> = LazyLock::new(|| set($words));
            SET.contains(word)
        }
    )*};
}

lists! {
    known_first = FIRST_NAMES, "A common given name.";
    often_else = AMBIGUOUS, "A given name that is as often something else.";
    common_word = COMMON, "A common word, no name.";
    after_name = AFTER_NAME, "A word that follows a name.";
    organisation = ORGANISATION, "A word that names a kind of organisation.";
    place = PLACES, "A town, state or country.";
    belonging = BELONGING, "Something a person has.";
    possessed = POSSESSED, "Something a person has, in a sentence about the person.";
    thing = THINGS, "Something with a name that is no person.";
    counted = COUNTED, "What a number before it counts, so that it is no hour.";
    after_day = AFTER_DAY, "What can follow a bare day of the month .";
    before_the_day = BEFORE_THE_DAY, "What can stand before the 14th when that is a day.";
    after_hour = AFTER_HOUR, "What can follow a bare hour.";
    brand = BRANDS, "A brand that looks like a person.";
}

/// A given name, or its possessive without the apostrophe ("johns").
pub(crate) fn first_name(word: &str) -> bool {
    known_first(word) || word.strip_suffix('s').is_some_and(|stem| stem.len() > 2 && known_first(stem))
}

/// A given name exactly as listed, without a possessive s.
pub(crate) fn given(word: &str) -> bool {
    known_first(word)
}

/// A given name that is as often something else, also with the s of a possessive.
pub(crate) fn ambiguous(word: &str) -> bool {
    often_else(word) || (!known_first(word) && word.strip_suffix('s').is_some_and(often_else))
}

/// Given names that are common words too, and mostly those.
const WORD_FIRST: [&str; 10] = ["may", "will", "april", "june", "august", "an", "hope", "gold", "chance", "max"];

/// A word that stands in no name. A given name that is a word as well does not count as one, unless it is mostly a word.
pub(crate) fn common(word: &str) -> bool {
    common_word(word) && (!known_first(word) || WORD_FIRST.contains(&word))
}

/// By its ending, or by the list, an ordinary word of the language.
pub(crate) fn looks_common(word: &str) -> bool {
    let endings = [
        "ing", "tion", "sion", "ment", "ness", "able", "ible", "ful", "less", "ous", "ity", "ism", "ance", "ence",
        "ship", "hood", "ward", "wise", "ular", "ical", "ology",
    ];
    common(word)
        || organisation(word)
        || place(word)
        || brand(word)
        || word.len() < 3
        || endings.iter().any(|e| word.len() > e.len() + 1 && word.ends_with(e))
}
