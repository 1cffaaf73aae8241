/* icecap for C and C++: what a trained classifier sees on photos, and features of photos.

   Made of the library's source, of which a test holds that it is so: change it there.

   Status   A call that can fail returns an icecap_status, 0 if all went well. Where it takes the address of a pointer to
            an icecap_error, it puts an error with the message there, which the caller frees, or NULL.
   Handles  What a call makes is the caller's, and is freed by the function of that name. To use it afterwards is an error
            of the caller's; a debug build of the library answers with ICECAP_STATUS_USAGE.
   Threads  There is no global state. "Threads: any" means that any thread may make the call, also while others make it
            with the same handle. The threads of a handle do not live on in a child of fork(), which opens its own.
   Strings  end with a zero byte and are UTF-8; paths are bytes on Unix. The library keeps nothing that it is given. */

#ifndef ICECAP_H
#define ICECAP_H

#include <stddef.h>
#include <stdint.h>

// How a call ended. The numbers are the exit codes of the program `icecap`.
typedef enum {
  // All was done.
  ICECAP_STATUS_OK = 0,
  // A bug of icecap: please report it, with the message. Handles can still be used and freed.
  ICECAP_STATUS_BUG = 1,
  // An argument that cannot be used; of a batch, perhaps one photo. Another value helps.
  ICECAP_STATUS_USAGE = 2,
  // A photo, model or weight file whose content cannot be used.
  ICECAP_STATUS_BAD_INPUT = 3,
  // Something larger than icecap reads, or than there is memory for.
  ICECAP_STATUS_LIMIT = 4,
  // A file that is missing or cannot be read.
  ICECAP_STATUS_IO = 5,
  // The caller's `progress` ended the work.
  ICECAP_STATUS_STOPPED = 130,
} icecap_status;

// A frozen MobileNetV2, which turns photos into features. Belongs to the caller, who frees it.
typedef struct icecap_backbone icecap_backbone;

// A trained classifier. Belongs to the caller, who frees it.
typedef struct icecap_classifier icecap_classifier;

// Why a call failed, or why one photo of a batch has no answer. Belongs to the caller, who frees it.
typedef struct icecap_error icecap_error;

// What a classifier says of one photo. Belongs to the caller, who frees it; it needs its classifier no longer.
typedef struct icecap_prediction icecap_prediction;

// A photo: a file, the bytes of one, or pixels. It owns nothing: what it was made of must live until the call that takes it has
// returned. Make it by `icecap_photo_file`, `icecap_photo_bytes` or `icecap_photo_rgb`; its fields are not for callers.
typedef struct {
  // Which of the three it is.
  uint32_t kind;
  // The path, the bytes or the pixels.
  const void *data;
  // Bytes of a file.
  size_t size;
  // Columns of pixels.
  size_t width;
  // Rows of pixels.
  size_t height;
  // Bytes from a row to the next.
  size_t stride;
} icecap_photo;

// What a classifier or a backbone runs on and in. All zeros, or NULL in its place, is what most callers want.
typedef struct {
  // Threads; 0 for as many as there are processors. With 1 none is started: the caller's own does the work.
  size_t threads;
  // Rows of a backbone's input in pixels; 0 for what its weights were made for. 0 for a classifier, which has its own.
  size_t height;
  // Columns of a backbone's input in pixels, as `height`.
  size_t width;
  // The numbers that the net computes with, "f32" or "int8"; NULL for those of the model, and f32 for weights.
  const char *precision;
  // The folder of weights that the program `icecap` fetched by name, its cache; NULL for none. NULL for a classifier.
  const char *cache;
} icecap_options;

// Photos to go over on all threads, and who is told how far that is. Set what is not needed to 0: `icecap_batch batch = {0};`.
typedef struct {
  // `count` photos.
  const icecap_photo *photos;
  // How many photos there are.
  size_t count;
  // Called as the work goes on, by one thread at a time but not always the same, with how many of the photos are done; returns
  // 0 to go on, anything else to stop. It must not throw, and must not use the handle that it is called for. NULL for none.
  int (*progress)(size_t done, size_t photos, void *context);
  // What `progress` is given, as it is.
  void *context;
} icecap_batch;

#ifdef __cplusplus
extern "C" {
#endif // __cplusplus

// Returns the version of the library, as in "0.1.0". It is never freed.
//
// Threads: any.
const char *icecap_version(void);

// Returns the status of an error: of a call, the one that it returned; of a photo in a batch, its own. `ICECAP_STATUS_USAGE` for
// NULL.
//
// Threads: any.
icecap_status icecap_error_status(const icecap_error *error);

// Returns the message of an error: one line of UTF-8 that says what is wrong, where, and what to do next. It lives as long as
// the error. Returns NULL for NULL.
//
// Threads: any.
const char *icecap_error_message(const icecap_error *error);

// Frees an error. NULL is allowed.
//
// Threads: any, while no other call uses the error.
void icecap_error_free(icecap_error *error);

// Returns the photo in the file at `path`: JPEG, PNG, GIF, BMP, WebP or TIFF. The file is read by the call that takes the photo.
// On Unix a path is bytes; elsewhere, UTF-8.
//
// Threads: any.
icecap_photo icecap_photo_file(const char *path);

// Returns the photo in the `size` bytes at `data`, the content of such a file.
//
// Threads: any.
icecap_photo icecap_photo_bytes(const uint8_t *data, size_t size);

// Returns the photo of `height` rows of `width` pixels, upright, each pixel a byte of red, of green and of blue. Row y begins at
// `pixels + y * stride`, so `stride` is at least `3 * width`; behind the last pixel nothing is read. Rows that lie close
// together are taken as they are, others are copied.
//
// Threads: any.
icecap_photo icecap_photo_rgb(const uint8_t *pixels,
                              size_t width,
                              size_t height,
                              size_t stride);

// Returns the index of the predicted class, of `icecap_classifier_class`; SIZE_MAX for NULL.
//
// Threads: any.
size_t icecap_prediction_class(const icecap_prediction *prediction);

// Returns the name of the predicted class, UTF-8, which lives as long as the prediction; NULL for NULL.
//
// Threads: any.
const char *icecap_prediction_label(const icecap_prediction *prediction);

// Returns the probability of the predicted class, from 0 to 1; NaN for NULL.
//
// Threads: any.
float icecap_prediction_probability(const icecap_prediction *prediction);

// Returns the probability of every class, as many as `icecap_classifier_classes` says and in that order. They live as long as
// the prediction. Returns NULL for NULL.
//
// Threads: any.
const float *icecap_prediction_probabilities(const icecap_prediction *prediction);

// Returns the prediction as a JSON object on one line, the one that `icecap predict --json` prints of the photo, with the
// path `-` for a photo in memory. It lives as long as the prediction. Returns NULL for NULL.
//
// Threads: any.
const char *icecap_prediction_json(const icecap_prediction *prediction);

// Frees a prediction. NULL is allowed.
//
// Threads: any, while no other call uses the prediction.
void icecap_prediction_free(icecap_prediction *prediction);

// Opens the model file at `file`, one with its backbone inside, as a training leaves it, and puts the classifier at
// `classifier`, NULL on failure. `options` may be NULL, and so may `error`, where nobody wants to know.
//
// Threads: any.
icecap_status icecap_classifier_open(const char *file,
                                     const icecap_options *options,
                                     icecap_classifier **classifier,
                                     icecap_error **error);

// Opens a model file whose content is the `size` bytes at `data`, which are not needed afterwards, as `icecap_classifier_open`
// does.
//
// Threads: any.
icecap_status icecap_classifier_from_bytes(const uint8_t *data,
                                           size_t size,
                                           const icecap_options *options,
                                           icecap_classifier **classifier,
                                           icecap_error **error);

// Returns how many classes there are; 0 for NULL.
//
// Threads: any.
size_t icecap_classifier_classes(const icecap_classifier *classifier);

// Returns the name of a class, counted from 0, UTF-8, which lives as long as the classifier; NULL if there is no such class, and
// for NULL.
//
// Threads: any.
const char *icecap_classifier_class(const icecap_classifier *classifier,
                                    size_t index);

// Returns how many features of a photo the classifier's head looks at; 0 for NULL.
//
// Threads: any.
size_t icecap_classifier_features(const icecap_classifier *classifier);

// Says what is on a photo and puts that at `prediction`, NULL on failure. `error` may be NULL.
//
// Threads: any. The work is done by the calling thread.
icecap_status icecap_predict(const icecap_classifier *classifier,
                             icecap_photo photo,
                             icecap_prediction **prediction,
                             icecap_error **error);

// Says what is on each photo of a batch, on all threads of the classifier. `predictions` and `errors` have room for as many
// pointers as there are photos, and for each photo exactly one of the two is set, the other NULL: a photo that cannot be read
// has its error and takes nothing from the others. `errors` may be NULL as a whole. Returns the status of the first photo
// without a prediction.
//
// If the work stops, or cannot begin, every photo without a prediction has the error that says why.
//
// Threads: any; of two calls at once one may work on its calling thread alone.
icecap_status icecap_predict_batch(const icecap_classifier *classifier,
                                   const icecap_batch *batch,
                                   icecap_prediction **predictions,
                                   icecap_error **errors);

// Frees a classifier. NULL is allowed. Predictions that it made stay.
//
// Threads: any, while no other call uses the classifier.
void icecap_classifier_free(icecap_classifier *classifier);

// Opens weights, or a model for its backbone, and puts the backbone at `backbone`, NULL on failure. `weights` is a file, or
// "starter" for the small weights that are in the library, or a name of published ones that the program `icecap` fetched
// (`icecap weights pull NAME`), whose cache is then named in `options`. Nothing is fetched here. `options` and `error` may be
// NULL.
//
// Threads: any.
icecap_status icecap_backbone_open(const char *weights,
                                   const icecap_options *options,
                                   icecap_backbone **backbone,
                                   icecap_error **error);

// Returns how many features a photo has: 1280, or more for a net wider than 1.0. 0 for NULL.
//
// Threads: any.
size_t icecap_backbone_features(const icecap_backbone *backbone);

// Computes the features of each photo of a batch, on all threads of the backbone: what `icecap extract` writes. `rows` has room
// for `len` numbers, at least the number of photos times `icecap_backbone_features`; the row of photo i begins at
// `rows[i * features]`. A photo that cannot be read has a row of NaN, and its error in `errors`, which has room for as many
// pointers as there are photos, the others NULL, or is NULL as a whole. Returns the status of the first photo without features.
//
// If the work stops, or cannot begin, every photo without features has the error that says why.
//
// Threads: any; of two calls at once one may work on its calling thread alone.
icecap_status icecap_features(const icecap_backbone *backbone,
                              const icecap_batch *batch,
                              float *rows,
                              size_t len,
                              icecap_error **errors);

// Frees a backbone. NULL is allowed.
//
// Threads: any, while no other call uses the backbone.
void icecap_backbone_free(icecap_backbone *backbone);

#ifdef __cplusplus
}  // extern "C"
#endif  // __cplusplus

#endif  /* ICECAP_H */
