"""Checks values against the schema that is shipped, and converts scalars to what it says they are.

It understands the words of JSON Schema that tapswitch-lab.schema.json uses: type, properties,
patternProperties, additionalProperties, items, minItems, maxItems, enum, pattern, minimum, maximum,
required, oneOf (told apart by type) and $ref. A type may be a list of an object and null.
"""

import difflib
import functools
import json
import pathlib
import re

from tapswitch_lab.errors import Problems

FILE = pathlib.Path(__file__).with_name("tapswitch-lab.schema.json")

TRUE = ("true", "on", "yes")
FALSE = ("false", "off", "no")

WORDS = {"object": "a mapping", "array": "a list", "string": "a text", "integer": "a number",
         "number": "a number", "boolean": "on or off", "null": "nothing"}


@functools.cache
def schema():
    """The schema itself."""
    return json.loads(FILE.read_text(encoding="utf-8"))


def did_you_mean(word, known):
    """', did you mean X?' or what there is."""
    near = difflib.get_close_matches(word, known, 1, 0.6)
    if near:
        return f"did you mean '{near[0]}'?"
    return f"there are {', '.join(sorted(known))}"


def kind_of(value):
    """The type of a value as JSON Schema calls it; a text may turn out to be something else."""
    if value is None:
        return "null"
    if isinstance(value, dict):
        return "object"
    return "array" if isinstance(value, list) else "string"


class _Check:
    def __init__(self):
        self.found = []

    def complain(self, path, text):
        self.found.append((tuple(path), text))

    def value(self, value, rule, path):
        """The value, converted, as far as it keeps to the rule."""
        if isinstance(value, bool):
            value = "on" if value else "off"
        elif isinstance(value, int):
            value = str(value)  # a value that was converted before
        rule = resolve(rule)
        if "oneOf" in rule:
            return self.one_of(value, rule, path)
        wanted = main_type(rule)
        check = getattr(self, "_" + wanted, None) if wanted else None
        if check is None:
            return value
        return check(value, rule, path)

    def one_of(self, value, rule, path):
        kind = kind_of(value)
        choices = [resolve(choice) for choice in rule["oneOf"]]
        for choice in choices:
            scalar = choice.get("type") in ("string", "integer", "number", "boolean")
            if choice.get("type") == kind or (kind == "string" and scalar):
                return self.value(value, choice, path)
        expected = " or ".join(dict.fromkeys(WORDS[choice["type"]] for choice in choices))
        self.complain(path, f"{expected} is expected here, not {WORDS[kind]}")
        return value

    def _expect(self, value, kind, path):
        if kind_of(value) == kind:
            return True
        self.complain(path, f"{WORDS[kind]} is expected here, not {WORDS[kind_of(value)]}")
        return False

    def _null(self, value, _, path):
        self._expect(value, "null", path)
        return value

    def _object(self, value, rule, path):
        if value is None and "null" in rule["type"]:
            value = {}
        if not self._expect(value, "object", path):
            return {}
        result = {}
        for key, item in value.items():
            inner = self.rule_of(key, rule, path)
            if inner is not None:
                result[key] = self.value(item, inner, (*path, key))
        for key in rule.get("required", ()):
            if key not in value:
                self.complain(path, f"'{key}' is missing")
        return result

    def rule_of(self, key, rule, path):
        """What the value of that key has to be, or None if there may be no such key."""
        if key in rule.get("properties", {}):
            return rule["properties"][key]
        for pattern, inner in rule.get("patternProperties", {}).items():
            if re.search(pattern, key):
                return inner
        extra = rule.get("additionalProperties", True)
        if extra is False and rule.get("patternProperties"):
            inner = resolve(next(iter(rule["patternProperties"].values())))
            self.complain((*path, key, "#key"),
                          f"'{key}' is no name here: {rule.get('description', 'see the schema')}")
        elif extra is False:
            self.complain((*path, key, "#key"),
                          f"'{key}' is no word here: {did_you_mean(key, list(rule['properties']))}")
        else:
            return extra if isinstance(extra, dict) else {}
        return None

    def _array(self, value, rule, path):
        if not self._expect(value, "array", path):
            return []
        if len(value) < rule.get("minItems", 0) or len(value) > rule.get("maxItems", len(value)):
            count = rule.get("minItems", 0)
            upto = rule.get("maxItems", count)
            amount = str(count) if upto == count else f"{count} to {upto}"
            self.complain(path, f"{amount} entries are expected here, not {len(value)}")
        return [self.value(item, rule.get("items", {}), (*path, index))
                for index, item in enumerate(value)]

    def _string(self, value, rule, path):
        if not self._expect(value, "string", path):
            return ""
        if "enum" in rule and value not in rule["enum"]:
            self.complain(path, f"'{value}' is unknown: {did_you_mean(value, rule['enum'])}")
        if "pattern" in rule and not re.search(rule["pattern"], value):
            why = rule.get("description", rule["pattern"])
            self.complain(path, f"'{value}' does not fit: {why}")
        return value

    def _integer(self, value, rule, path):
        if not self._expect(value, "string", path):
            return 0
        if not re.fullmatch(r"-?\d{1,18}", value):
            self.complain(path, f"'{value}' is no number")
            return 0
        number = int(value)
        low, high = rule.get("minimum", number), rule.get("maximum", number)
        if not low <= number <= high:
            self.complain(path, f"{number} is out of range: {low} to {high} is possible")
        return number

    def _boolean(self, value, _, path):
        if not self._expect(value, "string", path):
            return False
        if value.lower() not in TRUE + FALSE:
            self.complain(path, f"'{value}': say on or off")
        return value.lower() in TRUE


def main_type(rule):
    """The type of a rule; of a list of types the one that is not null."""
    wanted = rule.get("type")
    return wanted[0] if isinstance(wanted, list) else wanted


def resolve(rule):
    """The rule that a reference means."""
    while "$ref" in rule:
        rule = schema()["$defs"][rule["$ref"].rpartition("/")[2]]
    return rule


def check(values, rule=None, path=()):
    """The values, converted. Raises Problems with all that does not keep to the schema."""
    checker = _Check()
    result = checker.value(values, rule or schema(), path)
    if checker.found:
        raise Problems(checker.found)
    return result
