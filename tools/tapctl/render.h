// What the switch answered, for people: as iproute2 would print it.

#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "switch/control/commands/parse_command.h"

namespace tapswitch {

struct OutputOptions {
  bool compress_vlans = false;  // ranges in JSON, too
  bool json = false;
  bool pretty = false;
  bool statistics = false;
  bool details = false;
  bool timestamps = false;  // of events
};

// Whether an answer to `method` can look like this: a list of objects where objects are asked for.
[[nodiscard]] bool IsAnswerTo(std::string_view method, const nlohmann::ordered_json& answer);

// What is in the way of a port that was added: lines that an answer has besides its result.
[[nodiscard]] std::vector<std::string> WarningsIn(const nlohmann::ordered_json& answer);

// Whether the answer's own text is what is to be printed: of a whole address table nothing is left
// out, and reading it would cost more than all the rest.
[[nodiscard]] bool IsShownAsItComes(const Request& request, const OutputOptions& options);

// The answer to `request`, in lines that end in '\n'; nothing when there is nothing to say.
[[nodiscard]] std::string RenderAnswer(const Request& request, const nlohmann::ordered_json& answer,
                                       const OutputOptions& options);

// One event of the monitor, in one line, after one with the time if that is wanted. `label`: say
// what it is about, as [LINK], where events of several objects come.
[[nodiscard]] std::string RenderEvent(const nlohmann::ordered_json& event, bool label,
                                      const OutputOptions& options);

// Without control characters, which a name from outside must not bring to a terminal.
[[nodiscard]] std::string Printable(std::string_view text);

}  // namespace tapswitch
