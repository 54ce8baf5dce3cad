// What headers made by `skep gen skeleton` are made of. Applications include such a header, not this one.
//
// A skeleton is an object with names for the compiler: its programs, maps and global variables are members, so that a
// misspelt one does not compile. See the head of any generated file for how it is used.
#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>

#include <skep/context.hpp>
#include <skep/error.hpp>
#include <skep/executable.hpp>
#include <skep/global.hpp>
#include <skep/map.hpp>
#include <skep/object.hpp>
#include <skep/open_object.hpp>

namespace skep {

/// A program of a skeleton, which runs on contexts of its own kind. A cheap handle; run() as in Executable.
template <class ContextType>
class SkeletonProgram {
 public:
  /// Builds it, unless its autoload is off.
  [[nodiscard]] static Result<SkeletonProgram> build(const Object& object, std::string_view name,
                                                     const BuildOptions& options) {
    const auto program = object.program(name);
    if (!program) return fail(program.error());
    SkeletonProgram made(*program);
    if (!program->autoload()) return made;
    auto executable = Executable::build(*program, options);
    if (!executable)
      return fail(executable.error().code, "program " + program->name(), executable.error().message(),
                  executable.error().sys);
    made.executable_.emplace(std::move(*executable));
    return made;
  }

  /// False when it was not built because its autoload is off.
  [[nodiscard]] explicit operator bool() const noexcept { return executable_.has_value(); }
  [[nodiscard]] const Program& program() const noexcept { return program_; }
  /// Only when built.
  [[nodiscard]] const Executable& executable() const noexcept { return *executable_; }

  /// What was not built ends at once with the fault `unresolved`.
  RunResult run(ContextType& context, const RunOptions& options = {}) const noexcept {
    if (executable_) return executable_->run(context, options);
    RunResult refused;
    refused.fault.emplace().kind = FaultKind::unresolved;
    return refused;
  }
  /// Runs on a struct, to which r1 then points; a program that writes to a const one faults. For the programs whose
  /// context is plain memory: those of tracepoints, raw tracepoints, kprobes, syscall programs and the like.
  template <class Struct>
  requires(std::is_same_v<ContextType, Context>&& std::is_trivially_copyable_v<Struct> &&
           !std::is_base_of_v<Context, Struct>) RunResult run(Struct& context, const RunOptions& options = {})
  const noexcept {
    const std::span bytes(&context, 1);
    if constexpr (std::is_const_v<Struct>) {
      RawContext raw(std::as_bytes(bytes));
      return run(static_cast<Context&>(raw), options);
    } else {
      RawContext raw(std::as_writable_bytes(bytes));
      return run(static_cast<Context&>(raw), options);
    }
  }

 private:
  explicit SkeletonProgram(Program program) : program_(std::move(program)) {}

  Program program_;
  std::optional<Executable> executable_;
};

/// A section of globals as the struct that a skeleton declares for it; null when its map is not made. `Home` is an
/// OpenObject or an Object.
template <class Section, class Home>
[[nodiscard]] Section* skeleton_section(const Home& home, std::string_view name, std::size_t bytes) {
  const auto memory = home.section_memory(name, bytes);
  return memory ? static_cast<Section*>(*memory) : nullptr;
}

/// What a struct_ops map or an arena begins with, as the struct that a skeleton declares for it; null when it is
/// smaller.
template <class Value>
[[nodiscard]] Value* skeleton_value(const OpenObject& object, std::string_view map) {
  const auto bytes = object.initial_value(map);
  return bytes && bytes->size() >= sizeof(Value) ? reinterpret_cast<Value*>(bytes->data()) : nullptr;
}

}  // namespace skep
