// The table of all methods of the control protocol, and the way to call one by its name.
//
// An OBJECT.list can also be called as OBJECT.show. The table has it once.

#pragma once

#include <optional>
#include <span>
#include <string_view>

#include "switch/control/methods/method.h"

namespace tapswitch {

[[nodiscard]] std::span<const Method> AllMethods();

// Returns nothing when there is no such method.
[[nodiscard]] std::optional<MethodKind> KindOf(std::string_view method);

// Whether the method may stand in a file of commands; not if there is none of that name.
[[nodiscard]] bool MayBeInFiles(std::string_view method);

// Calls a method, and returns its answer or error; Unimplemented when there is no such method.
[[nodiscard]] MethodResult CallMethod(const MethodContext& context, std::string_view method,
                                      const MethodCall& call);

}  // namespace tapswitch
