/* What a model sees on photos: predict MODEL PHOTO... */
#include <icecap.h>
#include <stdio.h>
#include <stdlib.h>

/* Called after each photo; anything but 0 would stop the work. */
static int progress(size_t done, size_t photos, void *context) {
    fprintf((FILE *)context, "%zu of %zu\n", done, photos);
    return 0;
}

/* Prints a line for each photo; returns how many could not be read. */
static int tell(int count, char **paths, icecap_prediction **predictions, icecap_error **errors) {
    int unreadable = 0;
    for (int i = 0; i < count; i++) {
        if (predictions[i] == NULL) {
            printf("%s\n", icecap_error_message(errors[i]));
            unreadable++;
        } else {
            printf("%s: %s (%.1f %%)\n", paths[i], icecap_prediction_label(predictions[i]),
                   100.0 * icecap_prediction_probability(predictions[i]));
        }
        icecap_prediction_free(predictions[i]);
        icecap_error_free(errors[i]);
    }
    return unreadable;
}

int main(int argc, char **argv) {
    if (argc < 3) {
        fprintf(stderr, "name a model file, and photos\n");
        return ICECAP_STATUS_USAGE;
    }
    icecap_classifier *classifier;
    icecap_error *error;
    icecap_status status = icecap_classifier_open(argv[1], NULL, &classifier, &error);
    if (status != ICECAP_STATUS_OK) {
        fprintf(stderr, "%s\n", icecap_error_message(error));
        icecap_error_free(error);
        return (int)status;
    }

    int count = argc - 2;
    icecap_photo *photos = calloc((size_t)count, sizeof *photos);
    icecap_prediction **predictions = calloc((size_t)count, sizeof *predictions);
    icecap_error **errors = calloc((size_t)count, sizeof *errors);
    int unreadable = count;
    if (photos != NULL && predictions != NULL && errors != NULL) {
        for (int i = 0; i < count; i++) {
            photos[i] = icecap_photo_file(argv[2 + i]);
        }
        icecap_batch batch = {0};
        batch.photos = photos;
        batch.count = (size_t)count;
        batch.progress = progress;
        batch.context = stderr;
        icecap_predict_batch(classifier, &batch, predictions, errors);
        unreadable = tell(count, argv + 2, predictions, errors);
    }
    free(errors);
    free(predictions);
    free(photos);
    icecap_classifier_free(classifier);
    return unreadable == count ? ICECAP_STATUS_BAD_INPUT : ICECAP_STATUS_OK;
}
