"""The demo shop's vocabulary: names, places and phrases that rows are put together from.

Nobody in it is a person: names are shuffled from lists, streets do not exist,
and telephone numbers lie in the ranges
that regulators keep for films and examples.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Place:
    city: str
    region: str
    latitude: float
    longitude: float


@dataclass(frozen=True)
class Country:
    """A market of the shop; `phone` and `postal` are patterns in which each `#` becomes a digit."""

    code: str
    name: str
    currency: str
    language: str
    phone: str
    postal: str
    street: str
    places: tuple[Place, ...]
    weight: int


COUNTRIES = (
    Country(
        "DE", "Germany", "EUR", "de", "+49 30 23125###", "1####", "{name}weg {number}",
        (Place("Berlin", "Berlin", 52.52, 13.40), Place("Hamburg", "Hamburg", 53.55, 9.99),
         Place("München", "Bayern", 48.14, 11.58), Place("Köln", "Nordrhein-Westfalen", 50.94, 6.96)), 30,
    ),
    Country(
        "GB", "United Kingdom", "GBP", "en", "+44 20 7946 0###", "ZZ# #ZZ", "{number} {name} Row",
        (Place("London", "England", 51.51, -0.13), Place("Leeds", "England", 53.80, -1.55),
         Place("Cardiff", "Wales", 51.48, -3.18), Place("Glasgow", "Scotland", 55.86, -4.25)), 22,
    ),
    Country(
        "FR", "France", "EUR", "fr", "+33 1 99 00 ## ##", "75###", "{number} rue {name}",
        (Place("Paris", "Île-de-France", 48.86, 2.35), Place("Lyon", "Auvergne-Rhône-Alpes", 45.76, 4.84),
         Place("Nantes", "Pays de la Loire", 47.22, -1.55)), 16,
    ),
    Country(
        "SE", "Sweden", "SEK", "sv", "+46 8 465 004 ##", "1## ##", "{name}gränd {number}",
        (Place("Stockholm", "Stockholms län", 59.33, 18.07), Place("Göteborg", "Västra Götaland", 57.71,
         11.97),
         Place("Umeå", "Västerbotten", 63.83, 20.26)), 14,
    ),
    Country(
        "US", "United States", "USD", "en", "+1 212 555 01##", "0####", "{number} {name} Avenue",
        (Place("New York", "NY", 40.71, -74.01), Place("Portland", "OR", 45.52, -122.68),
         Place("Austin", "TX", 30.27, -97.74), Place("Madison", "WI", 43.07, -89.40)), 12,
    ),
    Country(
        "AU", "Australia", "AUD", "en", "+61 2 5550 ####", "2###", "{number} {name} Parade",
        (Place("Sydney", "NSW", -33.87, 151.21), Place("Hobart", "TAS", -42.88, 147.33)), 6,
    ),
)  # fmt: skip

CURRENCIES = {
    "EUR": ("Euro", 1.0), "GBP": ("Pound sterling", 1.16), "SEK": ("Swedish krona", 0.088),
    "USD": ("US dollar", 0.91), "AUD": ("Australian dollar", 0.60),
}  # fmt: skip
"""Code → name, and what one unit is worth in euro."""

FIRST_NAMES_F = (
    "Ada", "Alma", "Beatrice", "Camille", "Clara", "Dora", "Elin", "Elsa", "Emma", "Fiona", "Freya",
    "Greta", "Hanna",
    "Ingrid", "Iris", "Jana", "Julia", "Karin", "Lea", "Lena", "Lucia", "Maja", "Manon", "Marta", "Mia",
    "Nadia",
    "Nora", "Olivia", "Petra", "Rosa", "Saga", "Sofia", "Stella", "Tessa", "Thea", "Ursula", "Vera",
    "Wilma", "Yara",
    "Zoe",
)  # fmt: skip
FIRST_NAMES_M = (
    "Adam", "Albin", "Anton", "Bruno", "Carl", "Daniel", "David", "Elias", "Emil", "Erik", "Felix",
    "Finn", "Gustav",
    "Hugo", "Ivan", "Jakob", "Jonas", "Karl", "Leon", "Liam", "Louis", "Lukas", "Marc", "Max", "Mikael",
    "Milan",
    "Nils", "Noah", "Oskar", "Otto", "Paul", "Rafael", "Robin", "Samuel", "Simon", "Theo", "Tim",
    "Viktor", "Walter",
    "Yann",
)  # fmt: skip
LAST_NAMES = (
    "Ahlberg", "Andersson", "Baker", "Bauer", "Becker", "Berg", "Bergström", "Bernard", "Blanc", "Brandt",
    "Carter",
    "Chevalier", "Clarke", "Dahl", "Dubois", "Ek", "Evans", "Fischer", "Fontaine", "Forsberg", "Garnier",
    "Girard",
    "Graham", "Gruber", "Hansson", "Hartmann", "Henry", "Hoffmann", "Holm", "Hughes", "Jansson", "Kaiser",
    "Keller",
    "Klein", "Krüger", "Lambert", "Larsson", "Leroy", "Lind", "Lindqvist", "Marchand", "Martin", "Mason",
    "Mercier",
    "Meyer", "Morel", "Murray", "Neumann", "Nilsson", "Norén", "O'Brien", "Olsen", "Parker", "Perrin",
    "Quinn",
    "Reed", "Richter", "Roussel", "Sandberg", "Schmidt", "Schulz", "Sjögren", "Stein", "Sundin", "Taylor",
    "Turner",
    "Vogel", "Wagner", "Walsh", "Weber", "Winter", "Wolf", "Young", "Zimmermann",
)  # fmt: skip
STREET_NAMES = (
    "Ahorn", "Amber", "Birken", "Bramble", "Copper", "Dragonfly", "Fable", "Feather", "Fennel", "Gingko",
    "Harrow",
    "Juniper", "Kestrel", "Lantern", "Larch", "Linnet", "Marigold", "Meadowlark", "Mirabelle", "Nettle",
    "Otter",
    "Pebble", "Quince", "Rowan", "Saffron", "Sorrel", "Thimble", "Tinder", "Walnut", "Yarrow",
)  # fmt: skip

MAIL_DOMAINS = ("example.com", "example.org", "example.net", "mail.example", "post.test", "inbox.test")
COMPANY_WORDS = ("Alder", "Basalt", "Cirrus", "Delta", "Ember", "Fathom", "Granit", "Horizon", "Indigo",
                 "Juno",
                 "Kelvin", "Lumen", "Morrow", "Nimbus", "Orbit", "Prisma", "Quarto", "Rivet", "Solstice",
                 "Tundra")  # fmt: skip
COMPANY_TRADES = (
    "Outdoor",
    "Logistics",
    "Textiles",
    "Foods",
    "Media",
    "Consulting",
    "Travel",
    "Schools",
    "Clinics",
)
COMPANY_FORMS = {"DE": "GmbH", "GB": "Ltd", "FR": "SARL", "SE": "AB", "US": "Inc", "AU": "Pty Ltd"}

CATEGORIES: dict[str, tuple[str, ...]] = {
    "Clothing": ("Jackets", "Trousers", "Shirts", "Base layers", "Hats and gloves"),
    "Footwear": ("Hiking boots", "Trail shoes", "Sandals", "Socks"),
    "Camping": ("Tents", "Sleeping bags", "Mats", "Stoves", "Cookware", "Lamps"),
    "Climbing": ("Ropes", "Harnesses", "Helmets", "Carabiners"),
    "Cycling": ("Panniers", "Lights", "Tools"),
    "Water": ("Dry bags", "Paddles", "Life vests"),
    "Navigation": ("Maps", "Compasses", "Watches"),
}
PRODUCT_WORDS = ("Aurora", "Bivouac", "Cairn", "Drift", "Fell", "Glacier", "Heath", "Isbre", "Kite",
                 "Lichen", "Moraine",
                 "Névé", "Pinnacle", "Ridge", "Scree", "Tarn", "Vidda", "Zephyr")  # fmt: skip
COLOURS = ("black", "moss green", "rust", "sand", "slate", "sky blue", "ochre", "berry")

DEPARTMENTS = {
    "Management": ("Managing Director", "Executive Assistant", "Head of Strategy"),
    "Finance": ("Accountant", "Financial Controller", "Payroll Specialist"),
    "People": ("HR Manager", "Recruiter"),
    "Engineering": ("Software Engineer", "Data Engineer", "Site Reliability Engineer", "Product Manager"),
    "Marketing": ("Marketing Manager", "Copywriter", "Graphic Designer"),
    "Customer Care": ("Support Agent", "Team Lead Support"),
    "Purchasing": ("Buyer", "Category Manager"),
    "Stores": ("Store Manager", "Sales Assistant", "Cashier"),
    "Logistics": ("Warehouse Operative", "Driver", "Shift Leader"),
}
CARRIERS = ("Northway Parcel", "Blue Heron Freight", "Kolibri Express", "Shop's own vans")
SEARCH_WORDS = ("tent", "rain jacket", "boots size 42", "stove gas", "warm sleeping bag", "rope 60m",
                "headlamp",
                "gift card", "return label", "shorts men", "kids helmet", "waterproof bag")  # fmt: skip
TICKET_SUBJECTS = ("Where is my parcel?", "Wrong size delivered", "Refund not received",
                   "Change my address",
                   "Delete my account", "Card was charged twice", "Product broke on first trip",
                   "Invoice for my company")  # fmt: skip
TICKET_TEXTS = (
    "Hello, this is {name}. My order {order} has not arrived. You can reach me at {email}.",
    "Please call me back under {phone}, the jacket is too small. Regards, {name}",
    "I would like the money back for order {order}. My IBAN is {iban}.",
    "I have moved, my new address is {address}. Thank you, {name}",
    "Under the data protection law I ask you to delete everything you hold about {email}.",
    "The zip was torn after one day. Photos follow.",
    "Could you send the invoice for order {order} to {email} again?",
)
ANSWERS = (
    "Dear {name}, thank you for writing. We are looking into order {order}.",
    "Dear {name}, a return label is on its way to {email}.",
    "We have refunded the amount; it takes three working days.",
    "Your parcel is with the carrier and should arrive tomorrow.",
)
REVIEWS = ("Kept me dry for a week.", "Runs small, take one size up.", "Zip feels cheap.",
           "Best I have owned.",
           "Lighter than expected, good value.", "Colour differs from the picture.",
           "Broke on the second day.")  # fmt: skip
DIAGNOSES = ("J06.9", "M54.5", "A09", "J11.1", "G43.9", "S93.4", "K52.9", "F43.0", "H10.9", "M79.1")
USER_AGENTS = (
    "Mozilla/5.0 (X11; Linux x86_64; rv:{v}.0) Gecko/20100101 Firefox/{v}.0",
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) "
    "Chrome/{v}.0.0.0 Safari/537.36",
    "Mozilla/5.0 (Macintosh; Intel Mac OS X 14_5) AppleWebKit/605.1.15 (KHTML, like Gecko) "
    "Version/{v}.1 Safari/605.1.15",
    "Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) "
    "Mobile/15E{v}",
    "ExampleBot/{v}.0 (+https://bot.example.com/about)",
)
