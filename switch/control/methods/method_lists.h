// The methods of each subject. A file NAME_methods.cc defines the functions and lists them.

#pragma once

#include <span>

#include "switch/control/methods/method.h"

namespace tapswitch {

// The lists are constants.
[[nodiscard]] std::span<const Method> AdoptMethods();
[[nodiscard]] std::span<const Method> BridgeMethods();
[[nodiscard]] std::span<const Method> CaptureMethods();
[[nodiscard]] std::span<const Method> ConfigMethods();
[[nodiscard]] std::span<const Method> EvpnMethods();
[[nodiscard]] std::span<const Method> FdbMethods();
[[nodiscard]] std::span<const Method> GuardMethods();
[[nodiscard]] std::span<const Method> ImpairMethods();
[[nodiscard]] std::span<const Method> KernelMethods();
[[nodiscard]] std::span<const Method> LinkMethods();
[[nodiscard]] std::span<const Method> LoopMethods();
[[nodiscard]] std::span<const Method> MdbMethods();
[[nodiscard]] std::span<const Method> MirrorMethods();
[[nodiscard]] std::span<const Method> MonitorMethods();
[[nodiscard]] std::span<const Method> MulticastMethods();
[[nodiscard]] std::span<const Method> NeighbourMethods();
[[nodiscard]] std::span<const Method> PortMethods();
[[nodiscard]] std::span<const Method> ReachMethods();
[[nodiscard]] std::span<const Method> TraceMethods();
[[nodiscard]] std::span<const Method> TreeMethods();
[[nodiscard]] std::span<const Method> VlanMethods();

}  // namespace tapswitch
