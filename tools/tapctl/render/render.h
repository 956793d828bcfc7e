// Renders answers of the switch for people, as iproute2 would print them.

#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "switch/control/commands/parse_command.h"

namespace tapswitch {

struct OutputOptions {
  bool compress_vlans = false;  // show ranges in JSON, too
  bool json = false;
  bool pretty = false;
  bool statistics = false;
  bool details = false;
  bool timestamps = false;   // show the time of events
  bool short_times = false;  // as one word, in the same line
  bool brief = false;        // as a table
  bool colour = false;
  bool human = false;     // numbers with units
  bool one_line = false;  // each record in a line
};

// Whether an answer to `method` has the form that rendering expects: a list of objects where
// objects are asked for.
[[nodiscard]] bool IsAnswerTo(std::string_view method, const nlohmann::ordered_json& answer);

// Returns the obstacles of a port that was added, one a line. An answer may have them besides its
// result.
[[nodiscard]] std::vector<std::string> WarningsIn(const nlohmann::ordered_json& answer);

// Whether the text of the answer is printed unchanged. This is so for the JSON of a whole address
// table, of which nothing is left out, and which would be costly to parse.
[[nodiscard]] bool IsShownAsItComes(const Request& request, const OutputOptions& options);

// Returns the answer to `request` in lines that end in '\n'; empty if there is nothing to say.
[[nodiscard]] std::string RenderAnswer(const Request& request, const nlohmann::ordered_json& answer,
                                       const OutputOptions& options);

// Returns the text without control characters, so that a name from outside cannot control a
// terminal.
[[nodiscard]] std::string Printable(std::string_view text);

}  // namespace tapswitch
