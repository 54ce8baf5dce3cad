// Static initialisers of program arrays, made true when a program is first built that needs them; those of maps of maps
// are inner_maps.hpp's.
//
// A program array that the file gives contents is filled once in the object's life, by the first build of a program
// that names it: the programs in its slots are built with that build's options, and so are those that their arrays name
// in turn. Slots that the application has filled before stay as they are; later builds leave all slots alone.
#pragma once

#include <memory>

#include <skep/executable.hpp>
#include <skep/verify.hpp>

#include "api/object_data.hpp"
#include "lower/image.hpp"

namespace skep {

/// What to make of each program: by the options alone, or proven first.
struct BuildPlan {
  const BuildOptions& options;
  bool verified = false;  ///< programs in static slots are verified, too
  VerifyOptions verify{};
  std::shared_ptr<const verifier::Facts> facts;  ///< of the program asked for
};

/// An image of `program`, which is one of the object's, and, in the object's program arrays, of all that it may
/// tail-call by the file's initialisers. When one of them cannot be built, nothing is put anywhere.
[[nodiscard]] Result<std::shared_ptr<const lower::Image>> build_image(
    const ObjectData& object, const std::shared_ptr<const program::Program>& program, const BuildPlan& plan);

}  // namespace skep
