// A method of the control protocol: a name, a function, and whether it changes anything.
//
// A method takes JSON parameters, and changes the bridge or answers. The parameters are an object.
// An error is InvalidArgument when a parameter is missing, unknown or of the wrong kind, and has
// any other code when the switch understands the request and refuses it. Each message is one line
// with the bad value and the cure.

#pragma once

#include <cstdint>
#include <functional>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "switch/control/rpc/control_socket.h"
#include "switch/control/rpc/json_text.h"

namespace tapswitch {

class Attacher;
struct BridgeConfig;
class BridgeControl;
class Captures;
class CarrierFlaps;
class EventPublisher;
class Monitor;
class Overlay;

// Hands the switch over to another program, or to the present one, and returns what is to be shown
// of that; see MethodContext.
using UpgradeFunction =
    std::function<absl::StatusOr<JsonText>(const std::optional<std::string>& program)>;

// The objects that methods work on. All of them outlive this.
struct MethodContext {
  BridgeControl& control;
  Monitor& monitor;
  Captures& captures;
  Attacher& attacher;
  EventPublisher& publisher;
  const BridgeConfig& initial;  // what the flags and ports of the command line say
  // The file that says what was taken over (adoption_record.h); empty: there is no place for it.
  std::string_view adoption_file = {};
  std::string_view startup_file = {};        // empty: there is none
  const UpgradeFunction* upgrade = nullptr;  // null: there is nobody to hand over to
  const Overlay* overlay = nullptr;          // null: of a plan, which reaches no other machine
  CarrierFlaps* flaps = nullptr;             // null: nothing happens by itself, as in a plan
};

using MethodParams = nlohmann::json;
using MethodResult = absl::StatusOr<JsonText>;

// One request, for as long as its method runs.
struct MethodCall {
  ClientId client;
  const MethodParams& params;
};

// A method reads when a client that may only look may call it. Such a method leaves the
// configuration, the tables and the work for each frame as they are, and does not show what frames
// carry. All other methods change.
enum class MethodKind : uint8_t { kReads, kChanges };

// Whether a method makes sense in a file of commands, or only for a client that waits for it.
enum class MethodUse : uint8_t { kAlsoInFiles, kOnlyByClients };

struct Method {
  std::string_view name;
  MethodKind kind;
  MethodResult (*function)(const MethodContext& context, const MethodCall& call);
  MethodUse use = MethodUse::kAlsoInFiles;
};

}  // namespace tapswitch
