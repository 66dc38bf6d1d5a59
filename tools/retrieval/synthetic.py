"""Writes a made-up corpus for `engram bench retrieval --jsonl`: assistant chats, notes, one giant session.

    python synthetic.py --out corpus [--seed 7]

It guards the ranking against habits of one dataset. Each group is a store of its own:
  long       long user turns whose evidence is one sentence in the middle, and which end in a question;
             longer answers of an assistant that repeat the topic's words
  pooled     many short sessions of many topics in one store; evidence in one turn, or in turns of two sessions
  notes      facts without session or actor, a sentence or two each
  giant      one session of thousands of turns beside notes without a session; questions on either
  agreed     the assistant asks, the user answers in a few words that do not repeat the question
Facts are about people and things of which each pairing exists once, so every question has exactly its evidence.
"""

import argparse
import json
import pathlib
import random

NAMES = """Tara Igor Lucia Marek Noor Pablo Quentin Renata Sofia Tomasz Uma Viktor Wanda Ximena Yara Zoltan Agnes Bruno
Celia Dario Edith Fabian Gloria Henrik Ines Jakub Kamila Lars Mina Nadia Oscar Petra Ravi Selma Theo Ulla Vito Wim
Ayesha Bjorn""".split()
RELATIONS = "cousin colleague neighbour sister uncle dentist landlord coach flatmate teacher".split()
CITIES = """Lisbon Kyoto Oslo Montreal Nairobi Lima Prague Seville Hanoi Tallinn Cork Ghent Malmo Turin Quito Riga
Bergen Porto Dakar Leeds""".split()
ANIMALS = "parrot tortoise greyhound hamster pony ferret iguana spaniel goat rabbit canary hedgehog".split()
INSTRUMENTS = "cello trumpet banjo harp clarinet accordion oboe mandolin drums violin".split()
DISHES = "lasagna ramen paella goulash pierogi couscous ceviche risotto moussaka dumplings".split()
SUBJECTS = "marine biology|civil engineering|art history|linguistics|nursing|astronomy|accounting|philosophy".split("|")
ALLERGIES = "peanuts shellfish pollen latex penicillin wool gluten strawberries".split()

# A fact of a person (statement, question), where the question avoids some of the statement's words.
FACTS = [
    ("my {r} {n} moved to {city} last spring", "Which town does my {r} {n} live in now?", ("city", CITIES)),
    ("{n}, my {r}, bought a {animal}", "What pet does my {r} {n} have?", ("animal", ANIMALS)),
    ("my {r} {n} has been practising the {instrument} every evening", "Which musical instrument does my {r} {n} play?", ("instrument", INSTRUMENTS)),
    ("the best {dish} I ever had was cooked by my {r} {n}", "What food does my {r} {n} make so well?", ("dish", DISHES)),
    ("my {r} {n} graduated in {subject}", "What did my {r} {n} study at university?", ("subject", SUBJECTS)),
    ("{n} (my {r}) can't be near {allergy}, it makes them ill", "What is my {r} {n} allergic to?", ("allergy", ALLERGIES)),
    ("I owe my {r} {n} {money} dollars for the concert tickets", "How much money do I have to pay back to my {r} {n}?", ("money", [str(n) for n in range(40, 400, 7)])),
    ("my {r} {n} gets up at {hour} to swim before work", "When does my {r} {n} wake up in the morning?", ("hour", ["five", "half past five", "six", "half past six"])),
]

TOPICS = {
    "travel": "flight hotel luggage itinerary passport museum train beach visa guide booking airport tour budget island hiking".split(),
    "cooking": "oven recipe garlic butter pan simmer vegetables sauce flour knife dinner spices roast boil dessert pantry".split(),
    "fitness": "workout muscles stretching running protein knees gym schedule weights recovery breathing squat pace yoga".split(),
    "finance": "savings budget loan interest invoice tax account salary insurance pension fund debt mortgage expenses".split(),
    "gardening": "soil tomatoes pruning compost seeds watering roses shade fertiliser pots frost bulbs hedge lawn mulch".split(),
    "software": "server database deploy function bug cache release branch compiler latency query index container module".split(),
    "music": "melody rehearsal chord concert rhythm choir practice strings notes audition album stage tempo scales".split(),
    "pets": "vet leash feeding cage grooming training kennel fur vaccine toys walk litter breed collar".split(),
    "moving": "boxes lease apartment furniture landlord van address keys deposit neighbours contract paint kitchen".split(),
    "health": "doctor sleep headache appointment allergy medicine symptoms diet blood pressure therapy rest vitamins".split(),
}
FRAMES = [
    "I have been thinking about {a} and {b} lately", "it helps to plan the {a} before the {b}",
    "many people forget that {a} matters as much as {b}", "the {a} was harder than the {b}",
    "you could combine {a} with {b}", "start with the {a}, then look at the {b}",
    "a good {a} saves trouble with the {b}", "we talked about {a} and a bit about {b}",
    "keep an eye on {a}, especially around {b}", "there are several ways to handle {a} without {b}",
]
ASKS = [
    "Can you recommend something for the {a}?", "What would you do about the {a}?", "Any tips on {a} and {b}?",
    "How should I go about the {a}?", "Do you think the {a} is worth it?",
]
SMALL_TALK = ["Wow, that is great!", "Thanks a lot!", "Sounds good to me.", "Haha, true.", "I see, thank you.", "Nice!"]


class Maker:
    def __init__(self, seed):
        self.dice = random.Random(seed)
        self.documents, self.queries = [], []
        self.fresh()

    def fresh(self):
        """Every pairing of relation, name and kind of fact may be told once a group."""
        self.told = [(r, n, f) for r in RELATIONS for n in NAMES for f in range(len(FACTS))]
        self.dice.shuffle(self.told)

    def fact(self):
        r, n, f = self.told.pop()
        statement, question, (slot, values) = FACTS[f]
        value = self.dice.choice(values)
        return statement.format(r=r, n=n, **{slot: value}), question.format(r=r, n=n), (r, n, f)

    def chatter(self, topic, sentences):
        words = TOPICS[topic]
        frames = (self.dice.choice(FRAMES).format(a=self.dice.choice(words), b=self.dice.choice(words)) for _ in range(sentences))
        return " ".join(f[0].upper() + f[1:] + "." for f in frames)

    def ask(self, topic):
        words = TOPICS[topic]
        return self.dice.choice(ASKS).format(a=self.dice.choice(words), b=self.dice.choice(words))

    def say(self, group, text, session=None, actor=None):
        number = len(self.documents)
        row = {"id": str(number), "text": text, "group": group}
        row.update({k: v for k, v in (("session", session), ("actor", actor)) if v is not None})
        self.documents.append(row)
        return str(number)

    def question(self, group, text, relevant, category):
        self.queries.append({"id": str(len(self.queries)), "text": text, "group": group, "relevant": relevant, "category": category})

    def sentence(self, statement):
        return statement[0].upper() + statement[1:] + "."

    def long(self, sessions=150):
        self.fresh()
        for s in range(sessions):
            topic = self.dice.choice(list(TOPICS))
            for turn in range(self.dice.randint(2, 4)):
                before, after = self.dice.randint(3, 8), self.dice.randint(2, 6)
                fact = self.fact() if turn == 0 or self.dice.random() < 0.3 else None
                middle = self.sentence("by the way, " + fact[0]) if fact else ""
                text = f"{self.chatter(topic, before)} {middle} {self.chatter(topic, after)} {self.ask(topic)}"
                said = self.say("long", text, f"l{s}", "user")
                if fact:
                    self.question("long", fact[1], [said], "long")
                # The assistant repeats whom it was told of, and says little.
                named = f"I am glad to hear about your {fact[2][0]} {fact[2][1]}. " if fact and self.dice.random() < 0.5 else ""
                self.say("long", named + self.chatter(topic, self.dice.randint(12, 30)), f"l{s}", "assistant")

    def pooled(self, sessions=500):
        self.fresh()
        pairs = []
        for s in range(sessions):
            topic = self.dice.choice(list(TOPICS))
            turns = self.dice.randint(2, 6)
            at = self.dice.randrange(turns)
            for turn in range(turns):
                if turn == at and s % 2 == 0:
                    fact = self.fact()
                    said = self.say("pooled", f"{self.chatter(topic, self.dice.randint(0, 2))} {self.sentence(fact[0])} {self.ask(topic)}", f"p{s}", "user")
                    self.question("pooled", fact[1], [said], "pooled")
                    pairs.append((fact, said))
                else:
                    self.say("pooled", f"{self.chatter(topic, self.dice.randint(1, 2))} {self.ask(topic)}", f"p{s}", "user")
                self.say("pooled", self.chatter(topic, self.dice.randint(3, 10)), f"p{s}", "assistant")
        for (one, at_one), (two, at_two) in zip(pairs[::4], pairs[1::4]):
            text = f"{one[1][:-1]}, and {two[1][0].lower()}{two[1][1:]}"
            self.question("pooled", text, [at_one, at_two], "pooled, two sessions")

    def notes(self, notes=1500):
        self.fresh()
        for n in range(notes):
            if n % 5 == 0:
                fact = self.fact()
                self.question("notes", fact[1], [self.say("notes", self.sentence(fact[0]))], "notes")
            else:
                self.say("notes", self.chatter(self.dice.choice(list(TOPICS)), self.dice.randint(1, 2)))

    def giant(self, turns=3000, notes=600):
        self.fresh()
        for n in range(max(turns, notes)):
            if n < turns:
                topic = self.dice.choice(list(TOPICS))
                if n % 20 == 0:
                    fact = self.fact()
                    self.question("giant", fact[1], [self.say("giant", self.sentence(fact[0]), "g", "user")], "giant, in the session")
                else:
                    self.say("giant", self.chatter(topic, self.dice.randint(1, 3)), "g", self.dice.choice(["user", "assistant"]))
            if n < notes:
                if n % 4 == 0:
                    fact = self.fact()
                    self.question("giant", fact[1], [self.say("giant", self.sentence(fact[0]))], "giant, a note")
                else:
                    self.say("giant", self.chatter(self.dice.choice(list(TOPICS)), 1))

    def agreed(self, sessions=120):
        self.fresh()
        for s in range(sessions):
            topic = self.dice.choice(list(TOPICS))
            self.say("agreed", self.chatter(topic, 2), f"a{s}", "user")
            r, n, f = self.told.pop()
            _, question, (slot, values) = FACTS[f]
            question = question.format(r=r, n=n)
            self.say("agreed", question.replace("my ", "your ").replace("do I", "do you"), f"a{s}", "assistant")
            said = self.say("agreed", f"{self.dice.choice(values).capitalize()}, as far as I know.", f"a{s}", "user")
            self.say("agreed", self.dice.choice(SMALL_TALK), f"a{s}", "assistant")
            self.say("agreed", self.chatter(topic, 2), f"a{s}", "user")
            self.question("agreed", question, [said], "agreed")


def main():
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--out", type=pathlib.Path, required=True)
    arguments.add_argument("--seed", type=int, default=7)
    given = arguments.parse_args()
    maker = Maker(given.seed)
    for part in (maker.long, maker.pooled, maker.notes, maker.giant, maker.agreed):
        part()
    for document in maker.documents:
        document["text"] = " ".join(document["text"].split())
    given.out.mkdir(parents=True, exist_ok=True)
    for name, rows in (("documents", maker.documents), ("queries", maker.queries)):
        with open(given.out / f"{name}.jsonl", "w", encoding="utf-8") as file:
            file.writelines(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
    print(f"{len(maker.documents)} documents, {len(maker.queries)} queries in {given.out}")


if __name__ == "__main__":
    main()
